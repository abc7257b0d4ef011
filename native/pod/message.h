// sendmsg and recvmsg with the ancillary data that matters here: the local address of a packet, its mark, ICMP errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "address.h"

namespace weir {

struct Received {
  SocketAddress from;
  // The address the packet was sent to; absent if the kernel did not say.
  std::optional<SocketAddress> to;
  std::string data;
};

struct IcmpError {
  // Where the packet that met the error was going.
  SocketAddress destination;
  int error;  // errno
  // An ICMP port unreachable, as opposed to any other cause.
  bool port_unreachable;
  // The packet's own bytes as far as they were quoted.
  std::string payload;
};

// Asks for the local address of each packet received on `fd`.
void ask_for_local_address(int fd, int family);
// Asks for ICMP errors in the error queue of `fd`.
void ask_for_icmp_errors(int fd, int family);
// The next packet; nothing if there is none (or the socket had an error, which is cleared).
std::optional<Received> receive(int fd, int family);
std::optional<IcmpError> receive_error(int fd, int family);
// Sends from `local` (if given) with `mark` (if not 0). 0 or an errno.
int send_from(int fd, const SocketAddress& to, const SocketAddress* local, uint32_t mark, const std::string& data);

}  // namespace weir
