#include "link/network_monitor.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "core/errno_error.h"
#include "link/network_namespace.h"

namespace weir {
namespace {

// One event is seldom longer than 2 KiB; one that does not fit counts as lost.
constexpr size_t kBufferBytes = 64 * 1024;
// Enough for the events of some hundred pods that start at once.
constexpr int kReceiveBytes = 8 * 1024 * 1024;
const char* const kWhat = "changes of the network";

constexpr int kGroups[] = {RTNLGRP_LINK,       RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_ROUTE,
                           RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NSID};

void set_option(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof(value)) != 0) throw ErrnoError("setsockopt", kWhat, errno);
}

UniqueFd open_socket() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (fd.get() < 0) throw ErrnoError("socket", "netlink", errno);
  // More than the system's limit where that is allowed; less than this is no failure.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes)) != 0) {
    set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBytes);
  }
  // What happens in every namespace that has an id here, with that id beside it. Needs CAP_NET_BROADCAST.
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) != 0 && errno != EPERM) {
    throw ErrnoError("setsockopt", kWhat, errno);
  }
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw ErrnoError("bind", "netlink", errno);
  }
  for (const int group : kGroups) set_option(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  return fd;
}

std::optional<int32_t> namespace_of(msghdr& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_NETLINK || control->cmsg_type != NETLINK_LISTEN_ALL_NSID) continue;
    int32_t id = 0;
    std::memcpy(&id, CMSG_DATA(control), sizeof(id));
    return id;
  }
  return std::nullopt;
}

// Of the other namespaces only the addresses matter.
bool matters(const NetworkChange& change, std::optional<int32_t> network_namespace) {
  return !network_namespace || std::holds_alternative<InterfaceAddress>(change.subject);
}

}  // namespace

NetworkMonitor::NetworkMonitor(const std::string& network_namespace) : buffer_(kBufferBytes) {
  in_network_namespace(network_namespace, [this] { fd_ = open_socket(); });
}

std::optional<std::vector<ObservedChange>> NetworkMonitor::take(size_t limit) {
  std::vector<ObservedChange> changes;
  for (size_t taken = 0; taken < limit;) {
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int32_t)) * 2];
    iovec part = {buffer_.data(), buffer_.size()};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    const ssize_t length = ::recvmsg(fd_.get(), &header, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) break;
    if (length < 0 && errno == ENOBUFS) return std::nullopt;
    if (length < 0) throw ErrnoError("recvmsg", kWhat, errno);
    if ((header.msg_flags & MSG_TRUNC) != 0) return std::nullopt;
    ++taken;
    const auto network_namespace = namespace_of(header);
    int left = static_cast<int>(length);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      auto change = read_network_change(*message);
      if (change && matters(*change, network_namespace)) changes.push_back({std::move(*change), network_namespace});
    }
  }
  return changes;
}

}  // namespace weir
