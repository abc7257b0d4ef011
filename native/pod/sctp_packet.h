// SCTP packets as bytes (RFC 9260), as much as a handshake, one line of data and a heartbeat need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::sctp {

enum ChunkType : uint8_t {
  kData = 0,
  kInit = 1,
  kInitAck = 2,
  kSack = 3,
  kHeartbeat = 4,
  kHeartbeatAck = 5,
  kAbort = 6,
  kCookieEcho = 10,
  kCookieAck = 11,
};

struct Chunk {
  uint8_t type;
  uint8_t flags;
  std::string value;
};

struct Packet {
  uint16_t source_port;
  uint16_t destination_port;
  uint32_t tag;
  std::vector<Chunk> chunks;

  const Chunk* find(uint8_t type) const;
};

struct Init {
  uint32_t tag;
  uint32_t first_tsn;
};

// The packet's bytes with its CRC32c.
std::string build(const Packet& packet);
// False if it is too short or its checksum is wrong (unless `quoted`: an ICMP error quotes only a part).
bool parse(const std::string& bytes, Packet& packet, bool quoted = false);

Chunk init_chunk(const Init& init);
Chunk init_ack_chunk(const Init& init, const std::string& cookie);
bool parse_init(const Chunk& chunk, Init& init);
// The state cookie of an INIT ACK; empty if it has none.
std::string cookie_of(const Chunk& init_ack);
Chunk data_chunk(uint32_t tsn, const std::string& payload);
std::string payload_of(const Chunk& data);
Chunk sack_chunk(const Chunk& data);
std::string bytes_of(uint32_t value);
uint32_t number_at(const std::string& bytes, size_t offset);

}  // namespace weir::sctp
