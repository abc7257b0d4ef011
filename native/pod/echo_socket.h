// ICMP echo for probes: one raw socket per family for all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "loop.h"
#include "raw_socket.h"

namespace weir {

class EchoSocket {
 public:
  struct Client {
    std::function<void(const SocketAddress& from)> on_reply;
    std::function<void(const IcmpError& error)> on_error;
  };
  // Identifier and sequence number: together they tell one probe from all others.
  using Id = std::pair<uint16_t, uint16_t>;

  explicit EchoSocket(Loop& loop);

  Id attach(Client client);
  void detach(Id id) { clients_.erase(id); }
  int send(const SocketAddress& to, const SocketAddress* local, uint32_t mark, Id id);

 private:
  void on_packet(const Received& received);
  void on_error(const IcmpError& error);

  std::map<Id, Client> clients_;
  uint16_t identifier_;
  uint16_t next_sequence_ = 0;
  RawSocket socket_;
};

}  // namespace weir
