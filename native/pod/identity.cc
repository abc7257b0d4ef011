#include "identity.h"

#include <cstdio>

namespace weir {

const char* name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "TCP";
    case Protocol::udp:
      return "UDP";
    case Protocol::sctp:
      return "SCTP";
    case Protocol::icmp:
      return "ICMP";
  }
  return "";
}

std::string quote(const std::string& text) {
  std::string result = "\"";
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') {
      result += '\\';
      result += byte;
    } else if (value < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", value);
      result += escaped;
    } else {
      result += value < 0x7f ? byte : '?';
    }
  }
  return result + '"';
}

std::string Identity::answer(uint16_t port, Protocol protocol, const SocketAddress& client) const {
  return "{\"pod\":" + quote(pod) + ",\"namespace\":" + quote(namespace_name) + ",\"node\":" + quote(node) +
         ",\"port\":" + std::to_string(port) + ",\"protocol\":" + quote(name_of(protocol)) +
         ",\"client\":" + quote(client.text()) + "}\n";
}

}  // namespace weir
