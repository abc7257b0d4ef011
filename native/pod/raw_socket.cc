#include "raw_socket.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace weir {

namespace {
constexpr int kBufferBytes = 4 * 1024 * 1024;
constexpr size_t kIpv6HeaderSize = 40;

void drop_ip_header(std::string& data, int family) {
  if (data.empty()) return;
  const size_t size = family == AF_INET ? static_cast<size_t>(data[0] & 0x0f) * 4 : kIpv6HeaderSize;
  data.erase(0, size);
}
}  // namespace

uint32_t random_number() {
  uint32_t number = 0;
  while (number == 0) {
    if (getrandom(&number, sizeof number, 0) != sizeof number) continue;
  }
  return number;
}

RawSocket::RawSocket(Loop& loop, int protocol_v4, int protocol_v6, OnPacket on_packet, OnError on_error)
    : loop_(loop),
      on_packet_(std::move(on_packet)),
      on_error_(std::move(on_error)),
      v4_(open(AF_INET, protocol_v4)),
      v6_(open(AF_INET6, protocol_v6)) {}

RawSocket::~RawSocket() {
  for (const int fd : {v4_, v6_}) {
    if (fd < 0) continue;
    loop_.unwatch(fd);
    close(fd);
  }
}

int RawSocket::open(int family, int protocol) {
  const int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -1;
  ask_for_local_address(fd, family);
  ask_for_icmp_errors(fd, family);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  loop_.watch(fd, EPOLLIN, [this, fd, family](uint32_t) { on_ready(fd, family); });
  return fd;
}

void RawSocket::on_ready(int fd, int family) {
  while (auto error = receive_error(fd, family)) on_error_(*error);
  while (auto packet = receive(fd, family)) {
    if (family == AF_INET) drop_ip_header(packet->data, family);
    on_packet_(*packet);
  }
}

int RawSocket::send(const SocketAddress& to, const SocketAddress* local, uint32_t mark, const std::string& data) {
  const int fd = to.family() == AF_INET ? v4_ : v6_;
  if (fd < 0) return EAFNOSUPPORT;
  SocketAddress target = to;
  target.set_port(0);
  int error = 0;
  // The socket is shared: an error that is pending on it may come from another packet, and is told only once.
  for (int attempt = 0; attempt < 3; attempt++) {
    error = send_from(fd, target, local, mark, data);
    if (error == 0) return 0;
  }
  return error;
}

}  // namespace weir
