#include "binding/packet_log_reader.h"

#include <memory>
#include <string>

#include "binding/descriptor.h"
#include "binding/event_reader.h"
#include "binding/network_values.h"
#include "core/errno_error.h"
#include "link/packet_log.h"

namespace weir {
namespace {

// About a millisecond's work; the rest waits for the event loop's next round.
constexpr size_t kDatagramsAtOnce = 50;
constexpr uint32_t kLastGroup = 65535;

Napi::Value packet_value(const Napi::Env env, const LoggedPacket& packet) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("prefix", packet.prefix);
  value.Set("incoming", packet.incoming);
  value.Set("outgoing", packet.outgoing);
  value.Set("bytes", bytes_value(env, packet.bytes));
  return value;
}

class PacketLogReader : public EventReader {
 public:
  PacketLogReader(const std::string& place, uint16_t group, uint32_t snap, const Napi::Function& take)
      : EventReader(take, "weir:packets"), log_(place, group, snap) {}

 private:
  int poll_fd() const override { return log_.poll_fd(); }

  Napi::Value read() override {
    const auto packets = log_.take(kDatagramsAtOnce);
    if (!packets) return env().Null();
    if (packets->empty()) return Napi::Value();
    Napi::Array list = Napi::Array::New(env(), packets->size());
    for (uint32_t index = 0; index < packets->size(); ++index) list.Set(index, packet_value(env(), (*packets)[index]));
    return list;
  }

  PacketLog log_;
};

}  // namespace

Napi::Value watch_packet_log(const Napi::CallbackInfo& info) {
  const uint32_t group = number_argument(info, 0, "group");
  if (group > kLastGroup) throw Napi::RangeError::New(info.Env(), "group must be at most 65535");
  const uint32_t snap = number_argument(info, 1, "snap");
  const Napi::Function take = function_argument(info, 2, "take");
  const std::string place = optional_text_argument(info, 3, "the network namespace's path");
  try {
    return EventReader::start(std::make_unique<PacketLogReader>(place, static_cast<uint16_t>(group), snap, take));
  } catch (const ErrnoError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace weir
