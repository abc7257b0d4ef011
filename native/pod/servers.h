// The servers of a pod: one per container port, on every address, in both families.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "identity.h"
#include "loop.h"

namespace weir {

struct ServerFailure {
  Protocol protocol;
  uint16_t port;
  std::string cause;
};

// TCP: answers when the connection is accepted, keeps it open, answers each further line again.
// UDP: answers each datagram, from the address that was dialled.
class Servers {
 public:
  Servers(Loop& loop, const Identity& identity) : loop_(loop), identity_(identity) {}
  ~Servers();
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  // Opens what is missing and closes what is not wanted; connections of servers that stay are kept.
  std::vector<ServerFailure> want(const std::vector<std::pair<Protocol, uint16_t>>& wanted);

 private:
  using Key = std::tuple<Protocol, uint16_t, int>;  // protocol, port, family

  int open(Protocol protocol, uint16_t port, int family);
  void accept_all(int fd, uint16_t port, int family);
  void greet(int fd, uint16_t port, const SocketAddress& client);
  void on_connection(int fd, uint16_t port, const SocketAddress& client);
  void answer_datagrams(int fd, uint16_t port, int family);
  void shut(int fd);
  void shut_connections(uint16_t port);

  Loop& loop_;
  const Identity& identity_;
  std::map<Key, int> listening_;
  std::map<int, uint16_t> connections_;  // descriptor → server port
};

}  // namespace weir
