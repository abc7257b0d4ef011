#include "bpf/map_types.h"

#include <bpf/bpf.h>

#include "core/errno_error.h"

namespace weir {
namespace {

std::vector<uint8_t> read_types(uint32_t id) {
  const UniqueFd types(bpf_btf_get_fd_by_id(id));
  if (types.get() < 0) throw ErrnoError("bpf_btf_get_fd_by_id", "types of a map", errno);
  bpf_btf_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(types.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "types of a map", errno);
  }
  // The first answer is the size; types never change once they are loaded.
  std::vector<uint8_t> bytes(info.btf_size);
  info = {};
  info.btf = reinterpret_cast<uint64_t>(bytes.data());
  info.btf_size = static_cast<uint32_t>(bytes.size());
  size = sizeof(info);
  if (bpf_obj_get_info_by_fd(types.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "types of a map", errno);
  }
  return bytes;
}

}  // namespace

MapTypes map_types(const UniqueFd& map) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "a map", errno);
  }
  if (info.btf_id == 0) return {};
  return {read_types(info.btf_id), info.btf_key_type_id, info.btf_value_type_id};
}

}  // namespace weir
