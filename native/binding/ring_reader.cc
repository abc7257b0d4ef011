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
  RingReader(const UniqueFd& map, size_t limit, uint64_t pause, const Napi::Function& take)
      : EventReader(take, "weir:ring"), ring_(map), limit_(limit), pause_(pause) {}

 private:
  int poll_fd() const override { return ring_.poll_fd(); }

  Napi::Value read() override {
    const auto& records = ring_.consume(limit_);
    return records.empty() ? Napi::Value() : bytes_value(env(), records);
  }

  uint64_t pause() const override { return pause_; }

  Ring ring_;
  size_t limit_;
  uint64_t pause_;
};

}  // namespace

Napi::Value read_ring(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  const uint32_t limit = number_argument(info, 1, "limit");
  if (limit == 0) throw Napi::RangeError::New(info.Env(), "limit must be at least 1");
  const Napi::Function take = function_argument(info, 2, "take");
  const uint32_t pause = info[3].IsUndefined() ? 0 : number_argument(info, 3, "pauseMs");
  try {
    return EventReader::start(std::make_unique<RingReader>(*map, limit, pause, take));
  } catch (const ErrnoError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace weir
