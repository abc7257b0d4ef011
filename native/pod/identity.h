// Who this process is: what its servers tell every client.
#pragma once

#include <cstdint>
#include <string>

#include "address.h"

namespace weir {

enum class Protocol { tcp, udp, sctp, icmp };

// `TCP`, `UDP`, `SCTP` or `ICMP`.
const char* name_of(Protocol protocol);

struct Identity {
  std::string pod;
  std::string namespace_name;
  std::string node;

  // The one line (with its newline) that a server answers.
  std::string answer(uint16_t port, Protocol protocol, const SocketAddress& client) const;
};

// A JSON string literal with its quotes; bytes outside ASCII become `?`.
std::string quote(const std::string& text);

}  // namespace weir
