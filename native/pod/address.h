// Socket addresses of both families, and their text.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace weir {

struct SocketAddress {
  sockaddr_storage storage{};

  int family() const { return storage.ss_family; }
  socklen_t length() const { return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  const in_addr& v4() const { return reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr; }
  const in6_addr& v6() const { return reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr; }
  // Host byte order.
  uint16_t port() const;
  void set_port(uint16_t port);
  // Address without port; the IPv6 zone is left out.
  std::string text() const;
  bool same_host(const SocketAddress& other) const;

  static std::optional<SocketAddress> parse(const std::string& text, uint16_t port);
  static SocketAddress any(int family, uint16_t port);
  static SocketAddress of(const in_addr& address, uint16_t port);
  static SocketAddress of(const in6_addr& address, uint16_t port, uint32_t scope);
};

}  // namespace weir
