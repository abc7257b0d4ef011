// Interfaces, routes to single addresses and addresses for JavaScript: lists of them, and what changes.
#pragma once

#include <napi.h>

namespace weir {

// listInterfaces(networkNamespace = ''): Promise<Interface[]>
Napi::Value list_interfaces_async(const Napi::CallbackInfo& info);

// listHostRoutes(networkNamespace = ''): Promise<HostRoute[]>
Napi::Value list_host_routes_async(const Napi::CallbackInfo& info);

// listAddresses(id, networkNamespace = ''): Promise<InterfaceAddress[]>; id null: the namespace's own.
Napi::Value list_addresses_async(const Napi::CallbackInfo& info);

// networkNamespaceCookie(networkNamespace?): Promise<number>
Napi::Value network_namespace_cookie_async(const Napi::CallbackInfo& info);

}  // namespace weir
