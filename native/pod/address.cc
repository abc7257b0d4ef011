#include "address.h"

#include <arpa/inet.h>

#include <cstring>

namespace weir {

uint16_t SocketAddress::port() const {
  return family() == AF_INET ? ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port)
                             : ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
}

void SocketAddress::set_port(uint16_t port) {
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
  }
}

std::string SocketAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &v4(), buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, &v6(), buffer, sizeof buffer);
  }
  return buffer;
}

bool SocketAddress::same_host(const SocketAddress& other) const {
  if (family() != other.family()) return false;
  if (family() == AF_INET) return v4().s_addr == other.v4().s_addr;
  return std::memcmp(&v6(), &other.v6(), sizeof(in6_addr)) == 0;
}

std::optional<SocketAddress> SocketAddress::parse(const std::string& text, uint16_t port) {
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return of(v4, port);
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) return of(v6, port, 0);
  return std::nullopt;
}

SocketAddress SocketAddress::any(int family, uint16_t port) {
  return family == AF_INET ? of(in_addr{}, port) : of(in6_addr{}, port, 0);
}

SocketAddress SocketAddress::of(const in_addr& address, uint16_t port) {
  SocketAddress result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  v4->sin_addr = address;
  return result;
}

SocketAddress SocketAddress::of(const in6_addr& address, uint16_t port, uint32_t scope) {
  SocketAddress result;
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  v6->sin6_addr = address;
  v6->sin6_scope_id = scope;
  return result;
}

}  // namespace weir
