#include "message.h"

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

namespace weir {

namespace {

constexpr size_t kPacketSize = 65536;
constexpr size_t kControlSize = 512;

void enable(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof on);
}

template <typename Value>
Value control_value(const cmsghdr* control) {
  Value value{};
  std::memcpy(&value, CMSG_DATA(control), sizeof value);
  return value;
}

template <typename Value>
void append_control(msghdr& message, int level, int type, const Value& value) {
  auto* control = reinterpret_cast<cmsghdr*>(static_cast<char*>(message.msg_control) + message.msg_controllen);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

std::optional<SocketAddress> local_address(const cmsghdr* control) {
  if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
    return SocketAddress::of(control_value<in_pktinfo>(control).ipi_addr, 0);
  }
  if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
    const auto info = control_value<in6_pktinfo>(control);
    return SocketAddress::of(info.ipi6_addr, 0, IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0);
  }
  return std::nullopt;
}

bool is_port_unreachable(const sock_extended_err& error) {
  if (error.ee_origin == SO_EE_ORIGIN_ICMP) {
    return error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_PORT_UNREACH;
  }
  return error.ee_origin == SO_EE_ORIGIN_ICMP6 && error.ee_type == ICMPV6_DEST_UNREACH &&
         error.ee_code == ICMPV6_PORT_UNREACH;
}

// One recvmsg into static buffers: the program has one thread.
ssize_t receive_message(int fd, int flags, SocketAddress& from, msghdr& message, char*& data) {
  static char packet[kPacketSize];
  alignas(cmsghdr) static char control[kControlSize];
  static iovec vector;
  vector = {packet, sizeof packet};
  message = {};
  message.msg_name = &from.storage;
  message.msg_namelen = sizeof from.storage;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  data = packet;
  return recvmsg(fd, &message, flags | MSG_DONTWAIT);
}

}  // namespace

void ask_for_local_address(int fd, int family) {
  if (family == AF_INET) {
    enable(fd, IPPROTO_IP, IP_PKTINFO);
  } else {
    enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
  }
}

void ask_for_icmp_errors(int fd, int family) {
  if (family == AF_INET) {
    enable(fd, IPPROTO_IP, IP_RECVERR);
  } else {
    enable(fd, IPPROTO_IPV6, IPV6_RECVERR);
  }
}

std::optional<Received> receive(int fd, int family) {
  Received received;
  received.from.storage.ss_family = static_cast<sa_family_t>(family);
  msghdr message{};
  char* data = nullptr;
  const ssize_t size = receive_message(fd, 0, received.from, message, data);
  if (size < 0) return std::nullopt;
  received.data.assign(data, static_cast<size_t>(size));
  for (auto* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (auto local = local_address(control)) received.to = local;
  }
  return received;
}

std::optional<IcmpError> receive_error(int fd, int family) {
  IcmpError result{};
  result.destination.storage.ss_family = static_cast<sa_family_t>(family);
  msghdr message{};
  char* data = nullptr;
  const ssize_t size = receive_message(fd, MSG_ERRQUEUE, result.destination, message, data);
  if (size < 0) return std::nullopt;
  result.payload.assign(data, static_cast<size_t>(size));
  for (auto* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    const bool v4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR;
    const bool v6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    const auto error = control_value<sock_extended_err>(control);
    result.error = static_cast<int>(error.ee_errno);
    result.port_unreachable = is_port_unreachable(error);
  }
  return result;
}

int send_from(int fd, const SocketAddress& to, const SocketAddress* local, uint32_t mark, const std::string& data) {
  SocketAddress target = to;
  alignas(cmsghdr) char control[kControlSize] = {};
  iovec vector{const_cast<char*>(data.data()), data.size()};
  msghdr message{};
  message.msg_name = target.raw();
  message.msg_namelen = target.length();
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  if (local != nullptr && local->family() == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = local->v4();
    append_control(message, IPPROTO_IP, IP_PKTINFO, info);
  } else if (local != nullptr) {
    in6_pktinfo info{};
    info.ipi6_addr = local->v6();
    append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  if (mark != 0) append_control(message, SOL_SOCKET, SO_MARK, mark);
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

}  // namespace weir
