#include "binding/network_reader.h"

#include <memory>
#include <string>

#include "binding/descriptor.h"
#include "binding/event_reader.h"
#include "binding/network_values.h"
#include "core/errno_error.h"
#include "link/network_monitor.h"

namespace weir {
namespace {

// About a millisecond's work; the rest waits for the event loop's next round.
constexpr size_t kDatagramsAtOnce = 100;

class NetworkReader : public EventReader {
 public:
  NetworkReader(const std::string& place, const Napi::Function& take)
      : EventReader(take, "weir:network"), monitor_(place) {}

 private:
  int poll_fd() const override { return monitor_.poll_fd(); }

  Napi::Value read() override {
    const auto changes = monitor_.take(kDatagramsAtOnce);
    if (!changes) return env().Null();
    return changes->empty() ? Napi::Value() : list_value(env(), *changes);
  }

  NetworkMonitor monitor_;
};

}  // namespace

Napi::Value watch_network(const Napi::CallbackInfo& info) {
  const Napi::Function take = function_argument(info, 0, "take");
  const std::string place = optional_text_argument(info, 1, "the network namespace's path");
  try {
    return EventReader::start(std::make_unique<NetworkReader>(place, take));
  } catch (const ErrnoError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace weir
