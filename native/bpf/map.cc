#include "bpf/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>

#include "core/errno_error.h"

namespace weir {
namespace {

constexpr uint32_t kChunk = 4096;
constexpr uint32_t kLargestChunk = 1 << 20;
constexpr int kNotSupported = 524;  // the kernel's ENOTSUPP, which libc has no name for

bool is_per_cpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool has_no_batches(int number) { return number == EINVAL || number == kNotSupported; }

size_t entry_count(const MapDescription& map, const std::vector<uint8_t>& keys) {
  if (map.key_size == 0 || keys.size() % map.key_size != 0) {
    throw ErrnoError("check keys", "of map " + map.name + ": not a multiple of its key size", EINVAL);
  }
  return keys.size() / map.key_size;
}

MapEntries read_singly(int fd, const MapDescription& map) {
  MapEntries entries;
  std::vector<uint8_t> key(map.key_size);
  std::vector<uint8_t> next(map.key_size);
  std::vector<uint8_t> value(map.value_size);
  bool first = true;
  while (bpf_map_get_next_key(fd, first ? nullptr : key.data(), next.data()) == 0) {
    first = false;
    key.swap(next);
    if (bpf_map_lookup_elem(fd, key.data(), value.data()) != 0) continue;
    entries.keys.insert(entries.keys.end(), key.begin(), key.end());
    entries.values.insert(entries.values.end(), value.begin(), value.end());
    ++entries.count;
  }
  if (errno != ENOENT) throw ErrnoError("bpf_map_get_next_key", "map " + map.name, errno);
  return entries;
}

void update_singly(int fd, const MapDescription& map, const uint8_t* keys, const uint8_t* values, size_t count) {
  for (size_t index = 0; index < count; ++index) {
    if (bpf_map_update_elem(fd, keys + index * map.key_size, values + index * map.value_size, BPF_ANY) != 0) {
      throw ErrnoError("bpf_map_update_elem", "map " + map.name, errno);
    }
  }
}

}  // namespace

MapDescription describe_map(const UniqueFd& map) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "a map", errno);
  }
  MapDescription description;
  description.id = info.id;
  description.type = info.type;
  description.key_size = info.key_size;
  description.value_size = info.value_size;
  if (is_per_cpu(info.type)) {
    const int processors = libbpf_num_possible_cpus();
    if (processors < 0) throw ErrnoError("libbpf_num_possible_cpus", "", -processors);
    description.value_size = (info.value_size + 7) / 8 * 8 * static_cast<uint32_t>(processors);
  }
  description.max_entries = info.max_entries;
  description.flags = info.map_flags;
  description.name = info.name;
  return description;
}

void update_map(const UniqueFd& map, const std::vector<uint8_t>& keys, const std::vector<uint8_t>& values) {
  const MapDescription description = describe_map(map);
  const size_t count = entry_count(description, keys);
  if (values.size() != count * description.value_size) {
    throw ErrnoError("check values", "of map " + description.name + ": not one for each key", EINVAL);
  }
  for (size_t done = 0; done < count;) {
    auto chunk = static_cast<uint32_t>(std::min<size_t>(count - done, kChunk));
    const uint8_t* from_keys = keys.data() + done * description.key_size;
    const uint8_t* from_values = values.data() + done * description.value_size;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    if (bpf_map_update_batch(map.get(), from_keys, from_values, &chunk, &options) == 0) {
      done += chunk;
    } else if (has_no_batches(errno)) {
      update_singly(map.get(), description, from_keys, from_values, count - done);
      return;
    } else {
      const int number = errno;
      throw ErrnoError("bpf_map_update_batch", "map " + description.name, number);
    }
  }
}

MapEntries read_map(const UniqueFd& map) {
  const MapDescription description = describe_map(map);
  MapEntries entries;
  uint32_t chunk = kChunk;
  std::vector<uint8_t> token(std::max<size_t>(description.key_size, 8));
  bool first = true;
  for (;;) {
    const size_t before = entries.count;
    entries.keys.resize((before + chunk) * description.key_size);
    entries.values.resize((before + chunk) * description.value_size);
    uint32_t count = chunk;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    std::vector<uint8_t> next(token.size());
    const int failure = bpf_map_lookup_batch(map.get(), first ? nullptr : token.data(), next.data(),
                                             entries.keys.data() + before * description.key_size,
                                             entries.values.data() + before * description.value_size, &count, &options);
    const int number = failure == 0 ? 0 : errno;
    if (number == ENOSPC && chunk < kLargestChunk) {
      // A bucket holds more than fits.
      chunk *= 2;
      continue;
    }
    if (first && has_no_batches(number)) return read_singly(map.get(), description);
    if (number != 0 && number != ENOENT) throw ErrnoError("bpf_map_lookup_batch", "map " + description.name, number);
    entries.count += count;
    if (number == ENOENT) break;
    token = next;
    first = false;
  }
  entries.keys.resize(entries.count * description.key_size);
  entries.values.resize(entries.count * description.value_size);
  return entries;
}

std::optional<std::vector<uint8_t>> look_up(const UniqueFd& map, const std::vector<uint8_t>& key) {
  const MapDescription description = describe_map(map);
  if (entry_count(description, key) != 1) {
    throw ErrnoError("check key", "of map " + description.name + ": not one", EINVAL);
  }
  std::vector<uint8_t> value(description.value_size);
  if (bpf_map_lookup_elem(map.get(), key.data(), value.data()) == 0) return value;
  if (errno == ENOENT) return std::nullopt;
  throw ErrnoError("bpf_map_lookup_elem", "map " + description.name, errno);
}

size_t delete_from_map(const UniqueFd& map, const std::vector<uint8_t>& keys) {
  const MapDescription description = describe_map(map);
  const size_t count = entry_count(description, keys);
  size_t deleted = 0;
  for (size_t index = 0; index < count; ++index) {
    if (bpf_map_delete_elem(map.get(), keys.data() + index * description.key_size) == 0) {
      ++deleted;
    } else if (errno != ENOENT) {
      throw ErrnoError("bpf_map_delete_elem", "map " + description.name, errno);
    }
  }
  return deleted;
}

}  // namespace weir
