#include "bpf/iterator.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cstdint>

#include "core/errno_error.h"

namespace weir {

void run_iterator(const UniqueFd& program, const UniqueFd* map) {
  bpf_iter_link_info entries = {};
  LIBBPF_OPTS(bpf_link_create_opts, options);
  if (map != nullptr) {
    entries.map.map_fd = static_cast<uint32_t>(map->get());
    options.iter_info = &entries;
    options.iter_info_len = sizeof(entries);
  }
  const int link = bpf_link_create(program.get(), 0, BPF_TRACE_ITER, &options);
  if (link < 0) throw ErrnoError("bpf_link_create", "an iterator", -link);
  const UniqueFd owned_link(link);
  const int iteration = bpf_iter_create(link);
  if (iteration < 0) throw ErrnoError("bpf_iter_create", "an iterator", -iteration);
  const UniqueFd owned_iteration(iteration);
  uint8_t printed[4096];
  for (;;) {
    const ssize_t size = ::read(iteration, printed, sizeof(printed));
    if (size == 0) return;
    if (size < 0 && errno != EINTR && errno != EAGAIN) throw ErrnoError("read", "an iterator", errno);
  }
}

}  // namespace weir
