#include "sctp_socket.h"

#include <netinet/in.h>

namespace weir {

namespace {
constexpr size_t kAssociationsMax = 65536;
constexpr uint16_t kFirstClientPort = 40000;
constexpr uint16_t kClientPorts = 20000;
constexpr size_t kCookieSize = 12;
}  // namespace

SctpSocket::SctpSocket(Loop& loop, const Identity& identity)
    : identity_(identity),
      socket_(
          loop, IPPROTO_SCTP, IPPROTO_SCTP, [this](const Received& received) { on_packet(received); },
          [this](const IcmpError& error) { on_error(error); }) {}

void SctpSocket::serve(std::set<uint16_t> ports, bool abort_others, std::set<uint16_t> ports_of_others) {
  ports_ = std::move(ports);
  abort_others_ = abort_others;
  ports_of_others_ = std::move(ports_of_others);
}

uint16_t SctpSocket::attach(uint16_t wanted, Client client) {
  uint16_t port = wanted;
  for (int attempt = 0; port == 0 && attempt < 1000; attempt++) {
    const auto candidate = static_cast<uint16_t>(kFirstClientPort + random_number() % kClientPorts);
    if (clients_.count(candidate) == 0) port = candidate;
  }
  if (port == 0 || clients_.count(port) > 0) return 0;
  clients_[port] = std::move(client);
  return port;
}

int SctpSocket::send(const SocketAddress& to, const SocketAddress* local, uint32_t mark, const sctp::Packet& packet) {
  return socket_.send(to, local, mark, sctp::build(packet));
}

void SctpSocket::on_packet(const Received& received) {
  sctp::Packet packet;
  if (!sctp::parse(received.data, packet)) return;
  if (ports_.count(packet.destination_port) > 0) {
    answer(received, packet);
    return;
  }
  const auto client = clients_.find(packet.destination_port);
  if (client != clients_.end()) {
    const auto deliver = client->second.on_packet;  // A copy: the client may detach itself.
    deliver(packet, received.from);
    return;
  }
  const sctp::Chunk* init = packet.find(sctp::kInit);
  sctp::Init wanted{};
  if (init == nullptr || !abort_others_ || ports_of_others_.count(packet.destination_port) > 0) return;
  if (sctp::parse_init(*init, wanted)) reply(received, packet, wanted.tag, {{sctp::kAbort, 0, ""}});
}

void SctpSocket::on_error(const IcmpError& error) {
  sctp::Packet quoted;
  if (!sctp::parse(error.payload, quoted, true)) return;
  const auto client = clients_.find(quoted.source_port);
  if (client == clients_.end()) return;
  const auto deliver = client->second.on_error;
  deliver(error, quoted);
}

void SctpSocket::answer(const Received& received, const sctp::Packet& packet) {
  for (const auto& chunk : packet.chunks) {
    if (chunk.type == sctp::kInit) {
      answer_init(received, packet, chunk);
    } else if (chunk.type == sctp::kCookieEcho) {
      answer_cookie(received, packet, chunk);
    } else if (chunk.type == sctp::kAbort) {
      associations_.erase(key_of(received, packet));
    } else if (chunk.type == sctp::kHeartbeat) {
      const auto known = associations_.find(key_of(received, packet));
      if (known == associations_.end() || known->second.server_tag != packet.tag) continue;
      reply(received, packet, known->second.client_tag, {{sctp::kHeartbeatAck, 0, chunk.value}});
    }
  }
}

// Keeps no state: what the association needs comes back in the cookie.
void SctpSocket::answer_init(const Received& received, const sctp::Packet& packet, const sctp::Chunk& chunk) {
  sctp::Init theirs{};
  if (!sctp::parse_init(chunk, theirs)) return;
  const sctp::Init ours{random_number(), random_number()};
  const std::string cookie =
      sctp::bytes_of(theirs.tag) + sctp::bytes_of(ours.tag) + sctp::bytes_of(ours.first_tsn);
  reply(received, packet, theirs.tag, {sctp::init_ack_chunk(ours, cookie)});
}

void SctpSocket::answer_cookie(const Received& received, const sctp::Packet& packet, const sctp::Chunk& chunk) {
  if (chunk.value.size() != kCookieSize) return;
  const Association association{sctp::number_at(chunk.value, 0), sctp::number_at(chunk.value, 4),
                                sctp::number_at(chunk.value, 8)};
  if (association.server_tag != packet.tag) return;
  remember(key_of(received, packet), association);
  const std::string line = identity_.answer(packet.destination_port, Protocol::sctp, received.from);
  reply(received, packet, association.client_tag,
        {{sctp::kCookieAck, 0, ""}, sctp::data_chunk(association.tsn, line)});
}

void SctpSocket::reply(const Received& received, const sctp::Packet& packet, uint32_t tag,
                       std::vector<sctp::Chunk> chunks) {
  const SocketAddress* local = received.to ? &*received.to : nullptr;
  send(received.from, local, 0, {packet.destination_port, packet.source_port, tag, std::move(chunks)});
}

void SctpSocket::remember(const std::string& key, const Association& association) {
  if (associations_.count(key) == 0) oldest_.push_back(key);
  associations_[key] = association;
  while (oldest_.size() > kAssociationsMax) {
    associations_.erase(oldest_.front());
    oldest_.pop_front();
  }
}

std::string SctpSocket::key_of(const Received& received, const sctp::Packet& packet) {
  return received.from.text() + ' ' + std::to_string(packet.source_port) + ' ' +
         std::to_string(packet.destination_port);
}

}  // namespace weir
