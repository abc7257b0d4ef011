// A raw socket of one IP protocol, in both families, shared by everything in the process that speaks it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "address.h"
#include "loop.h"
#include "message.h"

namespace weir {

class RawSocket {
 public:
  using OnPacket = std::function<void(const Received& packet)>;
  using OnError = std::function<void(const IcmpError& error)>;

  // Protocol numbers of IPv4 and IPv6. Packets and quoted packets arrive without their IP header.
  RawSocket(Loop& loop, int protocol_v4, int protocol_v6, OnPacket on_packet, OnError on_error);
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  // 0 or an errno.
  int send(const SocketAddress& to, const SocketAddress* local, uint32_t mark, const std::string& data);

 private:
  int open(int family, int protocol);
  void on_ready(int fd, int family);

  Loop& loop_;
  OnPacket on_packet_;
  OnError on_error_;
  int v4_;
  int v6_;
};

// A random number that no other process shares; never 0.
uint32_t random_number();

}  // namespace weir
