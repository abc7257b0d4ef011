// What a network namespace has: interfaces, routes to single addresses, addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "link/network_message.h"

namespace weir {

// Of the network namespace at a path ("" is the caller's). All block for the length of a dump, which may have to wait for
// whoever configures interfaces just now. They throw ErrnoError.
std::vector<Interface> list_interfaces(const std::string& network_namespace);
std::vector<HostRoute> list_host_routes(const std::string& network_namespace);
// Those of the namespace that has the id there; without one, its own. None when nothing has the id (any more), and when it
// is a namespace that the caller has no say in, as that of the host around a node in a user namespace.
std::vector<InterfaceAddress> list_addresses(std::optional<int32_t> id, const std::string& network_namespace);

}  // namespace weir
