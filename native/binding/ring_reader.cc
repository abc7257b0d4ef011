#include "binding/ring_reader.h"

#include <memory>

#include "binding/descriptor.h"
#include "binding/event_reader.h"
#include "bpf/ring.h"
#include "core/errno_error.h"

namespace weir {
namespace {

class RingReader : public EventReader {
 public:
  RingReader(const UniqueFd& map, size_t limit, const Napi::Function& take)
      : EventReader(take, "weir:ring"), ring_(map), limit_(limit) {}

 private:
  int poll_fd() const override { return ring_.poll_fd(); }

  Napi::Value read() override {
    const auto& records = ring_.consume(limit_);
    return records.empty() ? Napi::Value() : bytes_value(env(), records);
  }

  Ring ring_;
  size_t limit_;
};

}  // namespace

Napi::Value read_ring(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  const uint32_t limit = number_argument(info, 1, "limit");
  if (limit == 0) throw Napi::RangeError::New(info.Env(), "limit must be at least 1");
  const Napi::Function take = function_argument(info, 2, "take");
  try {
    return EventReader::start(std::make_unique<RingReader>(*map, limit, take));
  } catch (const ErrnoError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace weir
