// Interfaces, routes, addresses and their changes as JavaScript has them; addresses as Uint8Array, what is absent as null.
#pragma once

#include <napi.h>

#include "link/network_message.h"
#include "link/network_monitor.h"

namespace weir {

// `{index, name, kind, up, master, peer, peerNamespace}`
Napi::Object value_of(Napi::Env env, const Interface& subject);
// `{address, interfaceIndex, table, metric}`
Napi::Object value_of(Napi::Env env, const HostRoute& subject);
// `{address, interfaceIndex}`
Napi::Object value_of(Napi::Env env, const InterfaceAddress& subject);
// `{kind: "interface" | "route" | "address", gone, subject}`, an address with `namespace`; `{kind: "namespace", namespace}`: lost.
Napi::Object value_of(Napi::Env env, const ObservedChange& observed);

// Each item on its own: a long list would keep the handles of all of them until its end.
template <typename Item>
Napi::Value list_value(Napi::Env env, const std::vector<Item>& items) {
  Napi::Array array = Napi::Array::New(env, items.size());
  for (size_t index = 0; index < items.size(); ++index) {
    const Napi::HandleScope scope(env);
    array.Set(static_cast<uint32_t>(index), value_of(env, items[index]));
  }
  return array;
}

}  // namespace weir
