// Messages of rtnetlink about interfaces, routes to single addresses, and addresses in the namespaces beside.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "link/address_bytes.h"

namespace weir {

struct Interface {
  uint32_t index = 0;
  std::string name;
  // What the kernel calls its type: "veth", "bridge", "macvlan" ...; "" for hardware and the loopback interface.
  std::string kind;
  bool up = false;
  // The bridge, bond or VRF it is a port of.
  std::optional<uint32_t> master;
  // A veth's other end; the interface below a macvlan, ipvlan or VLAN.
  std::optional<uint32_t> peer;
  // The namespace that `peer` is in, by the id it has here; absent: this one.
  std::optional<int32_t> peer_namespace;
};

// A unicast route to one address, straight out of an interface.
struct HostRoute {
  uint8_t family = 0;  // AF_INET or AF_INET6
  AddressBytes address = {};
  uint32_t interface_index = 0;
  uint32_t table = 0;
  uint32_t metric = 0;
};

// An address of an interface, of any scope but link and host.
struct InterfaceAddress {
  uint8_t family = 0;
  AddressBytes address = {};
  uint32_t interface_index = 0;
};

// A namespace lost its id here: it is gone.
struct LostNamespace {
  int32_t id = 0;
};

struct NetworkChange {
  std::variant<Interface, HostRoute, InterfaceAddress, LostNamespace> subject;
  bool gone = false;
};

// Large enough for each of the requests below.
constexpr size_t kNetworkRequestBytes = 128;

// Requests for dumps, written into `buffer` (kNetworkRequestBytes, aligned).
nlmsghdr& write_interfaces_request(uint8_t* buffer);
nlmsghdr& write_routes_request(uint8_t* buffer, uint8_t family);
// Of the namespace with this id; absent: the socket's own.
nlmsghdr& write_addresses_request(uint8_t* buffer, std::optional<int32_t> network_namespace);

// What a message says; nothing when it is about anything else, or lacks what names its subject.
std::optional<NetworkChange> read_network_change(const nlmsghdr& message);

}  // namespace weir
