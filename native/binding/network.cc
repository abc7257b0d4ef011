#include "binding/network.h"

#include <optional>
#include <string>
#include <vector>

#include "binding/descriptor.h"
#include "binding/network_values.h"
#include "binding/promise_worker.h"
#include "link/namespace_cookie.h"
#include "link/network.h"

namespace weir {
namespace {

constexpr const char* kPlace = "the network namespace's path";

template <typename Item, typename List>
Napi::Value start(Napi::Env env, List list) {
  return PromiseWorker<std::vector<Item>>::start(env, list, list_value<Item>);
}

}  // namespace

Napi::Value list_interfaces_async(const Napi::CallbackInfo& info) {
  const std::string place = optional_text_argument(info, 0, kPlace);
  return start<Interface>(info.Env(), [place] { return list_interfaces(place); });
}

Napi::Value list_host_routes_async(const Napi::CallbackInfo& info) {
  const std::string place = optional_text_argument(info, 0, kPlace);
  return start<HostRoute>(info.Env(), [place] { return list_host_routes(place); });
}

Napi::Value list_addresses_async(const Napi::CallbackInfo& info) {
  std::optional<int32_t> id;
  if (!info[0].IsNull()) id = static_cast<int32_t>(number_argument(info, 0, "id"));
  const std::string place = optional_text_argument(info, 1, kPlace);
  return start<InterfaceAddress>(info.Env(), [id, place] { return list_addresses(id, place); });
}

Napi::Value network_namespace_cookie_async(const Napi::CallbackInfo& info) {
  const std::string place = optional_text_argument(info, 0, kPlace);
  return PromiseWorker<uint64_t>::start(
      info.Env(), [place] { return network_namespace_cookie(place); },
      [](Napi::Env env, const uint64_t& cookie) { return Napi::Number::New(env, static_cast<double>(cookie)); });
}

}  // namespace weir
