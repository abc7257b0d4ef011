// SCTP without the kernel's: the server side answers on the pod's ports, the client side carries the probes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "identity.h"
#include "loop.h"
#include "raw_socket.h"
#include "sctp_packet.h"

namespace weir {

class SctpSocket {
 public:
  // A probe's view of what arrives at its port.
  struct Client {
    std::function<void(const sctp::Packet& packet, const SocketAddress& from)> on_packet;
    std::function<void(const IcmpError& error, const sctp::Packet& quoted)> on_error;
  };

  SctpSocket(Loop& loop, const Identity& identity);

  // `abort_others`: answer ABORT at ports nobody serves, as a kernel with SCTP would, except at `ports_of_others`
  // (other processes in this network namespace serve those).
  void serve(std::set<uint16_t> ports, bool abort_others, std::set<uint16_t> ports_of_others);
  // Takes `wanted` (or a free port if 0) for a client. 0 if it is taken.
  uint16_t attach(uint16_t wanted, Client client);
  void detach(uint16_t port) { clients_.erase(port); }
  int send(const SocketAddress& to, const SocketAddress* local, uint32_t mark, const sctp::Packet& packet);

 private:
  struct Association {
    uint32_t client_tag;
    uint32_t server_tag;
    uint32_t tsn;
  };

  void on_packet(const Received& received);
  void on_error(const IcmpError& error);
  void answer(const Received& received, const sctp::Packet& packet);
  void answer_init(const Received& received, const sctp::Packet& packet, const sctp::Chunk& chunk);
  void answer_cookie(const Received& received, const sctp::Packet& packet, const sctp::Chunk& chunk);
  void reply(const Received& received, const sctp::Packet& packet, uint32_t tag, std::vector<sctp::Chunk> chunks);
  void remember(const std::string& key, const Association& association);
  static std::string key_of(const Received& received, const sctp::Packet& packet);

  const Identity& identity_;
  std::set<uint16_t> ports_;
  std::set<uint16_t> ports_of_others_;
  bool abort_others_ = false;
  std::map<uint16_t, Client> clients_;
  std::map<std::string, Association> associations_;
  std::deque<std::string> oldest_;
  RawSocket socket_;
};

}  // namespace weir
