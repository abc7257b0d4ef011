#include "sctp_packet.h"

#include <array>

namespace weir::sctp {

namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kChecksumOffset = 8;
constexpr size_t kChunkHeaderSize = 4;
constexpr size_t kInitSize = 16;
constexpr size_t kDataHeaderSize = 12;
constexpr uint16_t kStateCookie = 7;
constexpr uint32_t kWindowBytes = 65536;
constexpr uint8_t kWholeMessage = 3;  // first and last fragment at once

std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t index = 0; index < 256; index++) {
    uint32_t crc = index;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[index] = crc;
  }
  return table;
}

uint32_t crc32c(const std::string& bytes) {
  static const auto table = crc_table();
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  return ~crc;
}

std::string bytes16(uint16_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

uint16_t number16(const std::string& bytes, size_t offset) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[offset]) << 8 | static_cast<uint8_t>(bytes[offset + 1]));
}

size_t padded(size_t size) { return (size + 3) & ~size_t{3}; }

// CRC32c travels least significant byte first, unlike everything else here.
std::string checksum_bytes(std::string packet) {
  packet.replace(kChecksumOffset, 4, 4, '\0');
  const uint32_t crc = crc32c(packet);
  return {static_cast<char>(crc), static_cast<char>(crc >> 8), static_cast<char>(crc >> 16),
          static_cast<char>(crc >> 24)};
}

std::string init_value(const Init& init) {
  return bytes_of(init.tag) + bytes_of(kWindowBytes) + bytes16(1) + bytes16(1) + bytes_of(init.first_tsn);
}

}  // namespace

std::string bytes_of(uint32_t value) {
  return bytes16(static_cast<uint16_t>(value >> 16)) + bytes16(static_cast<uint16_t>(value));
}

uint32_t number_at(const std::string& bytes, size_t offset) {
  return uint32_t{number16(bytes, offset)} << 16 | number16(bytes, offset + 2);
}

const Chunk* Packet::find(uint8_t type) const {
  for (const auto& chunk : chunks) {
    if (chunk.type == type) return &chunk;
  }
  return nullptr;
}

std::string build(const Packet& packet) {
  std::string bytes =
      bytes16(packet.source_port) + bytes16(packet.destination_port) + bytes_of(packet.tag) + bytes_of(0);
  for (const auto& chunk : packet.chunks) {
    bytes += {static_cast<char>(chunk.type), static_cast<char>(chunk.flags)};
    bytes += bytes16(static_cast<uint16_t>(kChunkHeaderSize + chunk.value.size())) + chunk.value;
    bytes.resize(padded(bytes.size()), '\0');
  }
  return bytes.replace(kChecksumOffset, 4, checksum_bytes(bytes));
}

bool parse(const std::string& bytes, Packet& packet, bool quoted) {
  if (bytes.size() < (quoted ? kChecksumOffset : kHeaderSize)) return false;
  packet = {number16(bytes, 0), number16(bytes, 2), number_at(bytes, 4), {}};
  if (quoted) return true;
  if (bytes.compare(kChecksumOffset, 4, checksum_bytes(bytes)) != 0) return false;
  for (size_t offset = kHeaderSize; offset + kChunkHeaderSize <= bytes.size();) {
    const size_t length = number16(bytes, offset + 2);
    if (length < kChunkHeaderSize || offset + length > bytes.size()) return false;
    packet.chunks.push_back({static_cast<uint8_t>(bytes[offset]), static_cast<uint8_t>(bytes[offset + 1]),
                             bytes.substr(offset + kChunkHeaderSize, length - kChunkHeaderSize)});
    offset += padded(length);
  }
  return true;
}

Chunk init_chunk(const Init& init) { return {kInit, 0, init_value(init)}; }

Chunk init_ack_chunk(const Init& init, const std::string& cookie) {
  return {kInitAck, 0,
          init_value(init) + bytes16(kStateCookie) +
              bytes16(static_cast<uint16_t>(kChunkHeaderSize + cookie.size())) + cookie};
}

bool parse_init(const Chunk& chunk, Init& init) {
  if (chunk.value.size() < kInitSize) return false;
  init = {number_at(chunk.value, 0), number_at(chunk.value, 12)};
  return true;
}

std::string cookie_of(const Chunk& init_ack) {
  const std::string& value = init_ack.value;
  for (size_t offset = kInitSize; offset + kChunkHeaderSize <= value.size();) {
    const size_t length = number16(value, offset + 2);
    if (length < kChunkHeaderSize || offset + length > value.size()) break;
    if (number16(value, offset) == kStateCookie) return value.substr(offset + 4, length - 4);
    offset += padded(length);
  }
  return "";
}

Chunk data_chunk(uint32_t tsn, const std::string& payload) {
  return {kData, kWholeMessage, bytes_of(tsn) + bytes_of(0) + bytes_of(0) + payload};
}

std::string payload_of(const Chunk& data) {
  return data.value.size() < kDataHeaderSize ? "" : data.value.substr(kDataHeaderSize);
}

Chunk sack_chunk(const Chunk& data) {
  const uint32_t tsn = data.value.size() < 4 ? 0 : number_at(data.value, 0);
  return {kSack, 0, bytes_of(tsn) + bytes_of(kWindowBytes) + bytes_of(0)};
}

}  // namespace weir::sctp
