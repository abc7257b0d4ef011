#include "binding/bpf_map.h"

#include "binding/descriptor.h"
#include "binding/promise_worker.h"
#include "bpf/map.h"
#include "bpf/map_types.h"

namespace weir {

Napi::Value describe_map_async(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  return PromiseWorker<MapDescription>::start(
      info.Env(), [map] { return describe_map(*map); },
      [](Napi::Env env, const MapDescription& description) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("id", description.id);
        value.Set("type", description.type);
        value.Set("keySize", description.key_size);
        value.Set("valueSize", description.value_size);
        value.Set("maxEntries", description.max_entries);
        value.Set("flags", description.flags);
        value.Set("name", description.name);
        return Napi::Value(value);
      });
}

Napi::Value map_types_async(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  return PromiseWorker<MapTypes>::start(
      info.Env(), [map] { return map_types(*map); },
      [](Napi::Env env, const MapTypes& types) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("types", bytes_value(env, types.types));
        value.Set("key", types.key);
        value.Set("value", types.value);
        return Napi::Value(value);
      });
}

Napi::Value update_map_async(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  const std::vector<uint8_t> keys = bytes_argument(info, 1, "keys");
  const std::vector<uint8_t> values = bytes_argument(info, 2, "values");
  return PromiseWorker<bool>::start(
      info.Env(),
      [map, keys, values] {
        update_map(*map, keys, values);
        return true;
      },
      [](Napi::Env env, const bool&) { return env.Undefined(); });
}

Napi::Value read_map_async(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  return PromiseWorker<MapEntries>::start(
      info.Env(), [map] { return read_map(*map); },
      [](Napi::Env env, const MapEntries& entries) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("count", static_cast<double>(entries.count));
        value.Set("keys", bytes_value(env, entries.keys));
        value.Set("values", bytes_value(env, entries.values));
        return Napi::Value(value);
      });
}

Napi::Value look_up_in_map_async(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  const std::vector<uint8_t> key = bytes_argument(info, 1, "key");
  using Found = std::optional<std::vector<uint8_t>>;
  return PromiseWorker<Found>::start(
      info.Env(), [map, key] { return look_up(*map, key); },
      [](Napi::Env env, const Found& found) { return found ? bytes_value(env, *found) : env.Null(); });
}

Napi::Value delete_from_map_async(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  const std::vector<uint8_t> keys = bytes_argument(info, 1, "keys");
  return PromiseWorker<size_t>::start(
      info.Env(), [map, keys] { return delete_from_map(*map, keys); },
      [](Napi::Env env, const size_t& deleted) {
        return Napi::Value(Napi::Number::New(env, static_cast<double>(deleted)));
      });
}

}  // namespace weir
