#include "bpf/ring.h"

#include <bpf/libbpf.h>

#include "core/errno_error.h"

namespace weir {

Ring::Ring(const UniqueFd& map) : ring_(ring_buffer__new(map.get(), take, this, nullptr)) {
  if (ring_ == nullptr) throw ErrnoError("ring_buffer__new", "", errno);
}

Ring::~Ring() { ring_buffer__free(ring_); }

int Ring::poll_fd() const noexcept { return ring_buffer__epoll_fd(ring_); }

int Ring::take(void* self, void* data, size_t size) {
  auto* ring = static_cast<Ring*>(self);
  const auto* bytes = static_cast<const uint8_t*>(data);
  ring->records_.insert(ring->records_.end(), bytes, bytes + size);
  // A negative answer ends the round after this record; libbpf has a call for that only since 1.5.
  return --ring->left_ == 0 ? -ECANCELED : 0;
}

const std::vector<uint8_t>& Ring::consume(size_t limit) {
  records_.clear();
  left_ = limit;
  const int result = ring_buffer__consume(ring_);
  if (result < 0 && result != -ECANCELED) throw ErrnoError("ring_buffer__consume", "", -result);
  return records_;
}

}  // namespace weir
