// The consumer's side of a ring buffer that programs write to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/unique_fd.h"

struct ring_buffer;

namespace weir {

class Ring {
 public:
  // Throws ErrnoError. The map's descriptor may be closed afterwards.
  explicit Ring(const UniqueFd& map);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // Readable while records wait.
  int poll_fd() const noexcept;

  // Takes at most `limit` records; valid until the next call. All records of a ring have one size here.
  const std::vector<uint8_t>& consume(size_t limit);

 private:
  static int take(void* self, void* data, size_t size);

  ring_buffer* ring_ = nullptr;
  std::vector<uint8_t> records_;
  size_t left_ = 0;
};

}  // namespace weir
