#include "echo_socket.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>

#include <string>

namespace weir {

namespace {

constexpr size_t kEchoSize = 8;

uint16_t number16(const std::string& data, size_t offset) {
  return static_cast<uint16_t>(static_cast<uint8_t>(data[offset]) << 8 | static_cast<uint8_t>(data[offset + 1]));
}

void put16(std::string& data, size_t offset, uint16_t value) {
  data[offset] = static_cast<char>(value >> 8);
  data[offset + 1] = static_cast<char>(value);
}

uint16_t internet_checksum(const std::string& data) {
  uint32_t sum = 0;
  for (size_t offset = 0; offset + 1 < data.size(); offset += 2) sum += number16(data, offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

EchoSocket::EchoSocket(Loop& loop)
    : identifier_(static_cast<uint16_t>(random_number())),
      socket_(
          loop, IPPROTO_ICMP, IPPROTO_ICMPV6, [this](const Received& received) { on_packet(received); },
          [this](const IcmpError& error) { on_error(error); }) {}

EchoSocket::Id EchoSocket::attach(Client client) {
  while (clients_.count({identifier_, next_sequence_}) > 0) next_sequence_++;
  const Id id{identifier_, next_sequence_++};
  clients_[id] = std::move(client);
  return id;
}

int EchoSocket::send(const SocketAddress& to, const SocketAddress* local, uint32_t mark, Id id) {
  std::string data(kEchoSize, '\0');
  data[0] = static_cast<char>(to.family() == AF_INET ? ICMP_ECHO : ICMPV6_ECHO_REQUEST);
  put16(data, 4, id.first);
  put16(data, 6, id.second);
  // The kernel fills in the checksum of ICMPv6, which covers the addresses.
  if (to.family() == AF_INET) put16(data, 2, internet_checksum(data));
  return socket_.send(to, local, mark, data);
}

void EchoSocket::on_packet(const Received& received) {
  if (received.data.size() < kEchoSize) return;
  const int reply = received.from.family() == AF_INET ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
  if (static_cast<uint8_t>(received.data[0]) != reply) return;
  const auto client = clients_.find({number16(received.data, 4), number16(received.data, 6)});
  if (client == clients_.end()) return;
  const auto deliver = client->second.on_reply;
  deliver(received.from);
}

void EchoSocket::on_error(const IcmpError& error) {
  if (error.payload.size() < kEchoSize) return;
  const auto client = clients_.find({number16(error.payload, 4), number16(error.payload, 6)});
  if (client == clients_.end()) return;
  const auto deliver = client->second.on_error;
  deliver(error);
}

}  // namespace weir
