#include "link/network.h"

#include <sys/socket.h>

#include "core/errno_error.h"
#include "link/netlink_socket.h"
#include "link/network_namespace.h"

namespace weir {
namespace {

// A dump that changes got in the way of is begun again; where they never end, the last one has to do.
constexpr int kAttempts = 10;

template <typename Subject>
bool dump_once(NetlinkSocket& socket, nlmsghdr& request, const char* what, std::vector<Subject>& subjects) {
  return socket.dump(request, what, [&](const nlmsghdr& message) {
    const auto change = read_network_change(message);
    if (!change) return;
    if (const auto* subject = std::get_if<Subject>(&change->subject)) subjects.push_back(*subject);
  });
}

template <typename Subject>
std::vector<Subject> dump(NetlinkSocket& socket, nlmsghdr& request, const char* what) {
  std::vector<Subject> subjects;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    subjects.clear();
    if (dump_once(socket, request, what, subjects)) break;
  }
  return subjects;
}

}  // namespace

std::vector<Interface> list_interfaces(const std::string& network_namespace) {
  std::vector<Interface> interfaces;
  in_network_namespace(network_namespace, [&] {
    NetlinkSocket socket(NETLINK_ROUTE);
    alignas(nlmsghdr) uint8_t buffer[kNetworkRequestBytes];
    interfaces = dump<Interface>(socket, write_interfaces_request(buffer), "interfaces");
  });
  return interfaces;
}

std::vector<HostRoute> list_host_routes(const std::string& network_namespace) {
  std::vector<HostRoute> routes;
  in_network_namespace(network_namespace, [&] {
    NetlinkSocket socket(NETLINK_ROUTE);
    for (const uint8_t family : {AF_INET, AF_INET6}) {
      alignas(nlmsghdr) uint8_t buffer[kNetworkRequestBytes];
      const auto found = dump<HostRoute>(socket, write_routes_request(buffer, family), "routes");
      routes.insert(routes.end(), found.begin(), found.end());
    }
  });
  return routes;
}

std::vector<InterfaceAddress> list_addresses(std::optional<int32_t> id, const std::string& network_namespace) {
  std::vector<InterfaceAddress> addresses;
  in_network_namespace(network_namespace, [&] {
    NetlinkSocket socket(NETLINK_ROUTE);
    alignas(nlmsghdr) uint8_t buffer[kNetworkRequestBytes];
    try {
      addresses = dump<InterfaceAddress>(socket, write_addresses_request(buffer, id), "addresses");
    } catch (const ErrnoError& error) {
      if (!id || (error.number() != EINVAL && error.number() != EACCES)) throw;
    }
  });
  return addresses;
}

}  // namespace weir
