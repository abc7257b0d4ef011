#include "servers.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "message.h"

namespace weir {

namespace {
constexpr int kBacklog = 4096;
constexpr int kUdpBufferBytes = 4 * 1024 * 1024;

void set_option(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }
}  // namespace

Servers::~Servers() {
  for (const auto& [key, fd] : listening_) shut(fd);
  for (const auto& [fd, port] : connections_) shut(fd);
}

void Servers::shut(int fd) {
  loop_.unwatch(fd);
  close(fd);
}

void Servers::shut_connections(uint16_t port) {
  for (auto open = connections_.begin(); open != connections_.end();) {
    if (open->second == port) {
      shut(open->first);
      open = connections_.erase(open);
    } else {
      ++open;
    }
  }
}

std::vector<ServerFailure> Servers::want(const std::vector<std::pair<Protocol, uint16_t>>& wanted) {
  std::set<Key> keys;
  for (const auto& [protocol, port] : wanted) {
    for (const int family : {AF_INET, AF_INET6}) keys.emplace(protocol, port, family);
  }
  for (auto server = listening_.begin(); server != listening_.end();) {
    if (keys.count(server->first) > 0) {
      ++server;
      continue;
    }
    shut(server->second);
    if (std::get<0>(server->first) == Protocol::tcp) shut_connections(std::get<1>(server->first));
    server = listening_.erase(server);
  }
  std::vector<ServerFailure> failures;
  for (const auto& key : keys) {
    if (listening_.count(key) > 0) continue;
    const auto& [protocol, port, family] = key;
    const int fd = open(protocol, port, family);
    if (fd >= 0) {
      listening_[key] = fd;
    } else if (errno != EAFNOSUPPORT) {
      failures.push_back({protocol, port, std::strerror(errno)});
    }
  }
  return failures;
}

int Servers::open(Protocol protocol, uint16_t port, int family) {
  const int type = protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
  const int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (protocol == Protocol::tcp) {
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  } else {
    ask_for_local_address(fd, family);
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kUdpBufferBytes);
  }
  const SocketAddress any = SocketAddress::any(family, port);
  if (bind(fd, any.raw(), any.length()) != 0 || (protocol == Protocol::tcp && listen(fd, kBacklog) != 0)) {
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
  }
  loop_.watch(fd, EPOLLIN, [this, protocol, fd, port, family](uint32_t) {
    if (protocol == Protocol::tcp) {
      accept_all(fd, port, family);
    } else {
      answer_datagrams(fd, port, family);
    }
  });
  return fd;
}

void Servers::accept_all(int fd, uint16_t port, int family) {
  for (;;) {
    SocketAddress client;
    client.storage.ss_family = static_cast<sa_family_t>(family);
    socklen_t length = sizeof client.storage;
    const int connection = accept4(fd, client.raw(), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return;
    }
    greet(connection, port, client);
  }
}

void Servers::greet(int fd, uint16_t port, const SocketAddress& client) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  const std::string line = identity_.answer(port, Protocol::tcp, client);
  if (send(fd, line.data(), line.size(), MSG_NOSIGNAL) < 0) {
    close(fd);
    return;
  }
  connections_[fd] = port;
  loop_.watch(fd, EPOLLIN, [this, fd, port, client](uint32_t) { on_connection(fd, port, client); });
}

void Servers::on_connection(int fd, uint16_t port, const SocketAddress& client) {
  char buffer[4096];
  const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bool open = size > 0;
  if (open) {
    const std::string line = identity_.answer(port, Protocol::tcp, client);
    const auto lines = std::count(buffer, buffer + size, '\n');
    std::string answer;
    for (int index = 0; index < lines; index++) answer += line;
    // A peer that sends lines and never reads answers loses its connection, not the pod its memory.
    open = answer.empty() || send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) >= 0;
  }
  if (open) return;
  connections_.erase(fd);
  shut(fd);
}

void Servers::answer_datagrams(int fd, uint16_t port, int family) {
  while (const auto received = receive(fd, family)) {
    const std::string line = identity_.answer(port, Protocol::udp, received->from);
    send_from(fd, received->from, received->to ? &*received->to : nullptr, 0, line);
  }
}

}  // namespace weir
