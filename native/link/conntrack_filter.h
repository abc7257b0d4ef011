// Connection-tracking entries and what selects them, as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "link/address_bytes.h"

namespace weir {

// Ports in host byte order; 0 where the protocol has none.
struct ConntrackTuple {
  AddressBytes source = {};
  AddressBytes destination = {};
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

struct ConntrackEntry {
  uint8_t family = 0;  // AF_INET or AF_INET6
  uint8_t protocol = 0;
  ConntrackTuple original;
  ConntrackTuple reply;
  uint32_t status = 0;  // IPS_* bits
  uint32_t id = 0;
  uint32_t timeout_seconds = 0;
  uint32_t mark = 0;
  std::optional<uint8_t> tcp_state;  // TCP_CONNTRACK_*
  // The attributes that name exactly this entry, as the kernel sent them: original tuple, zone, id.
  std::vector<uint8_t> identity;
};

// Every field that is given must hold; one that is absent holds for all.
struct ConntrackFilter {
  uint8_t family = 0;
  std::optional<uint8_t> protocol;
  std::optional<AddressBytes> original_source;
  std::optional<AddressBytes> original_destination;
  std::optional<uint16_t> original_destination_port;
  std::optional<AddressBytes> reply_source;
  std::optional<uint16_t> reply_source_port;
  // Its destination was translated (true), or was not (false).
  std::optional<bool> natted;
  // Entries without a TCP state never match when states are given.
  std::vector<uint8_t> tcp_states;
};

bool matches(const ConntrackFilter& filter, const ConntrackEntry& entry);

// Many filters, of which one has to match. Those that name the reply's source, or else the original destination, are found
// by it, so that a thousand removed backends, or ten thousand new frontends, cost no more per entry than one.
class ConntrackFilterSet {
 public:
  explicit ConntrackFilterSet(const std::vector<ConntrackFilter>& filters);
  bool matches(const ConntrackEntry& entry) const;

 private:
  using FiltersByAddress = std::unordered_map<std::string, std::vector<ConntrackFilter>>;

  static bool any_at(const FiltersByAddress& filters, const AddressBytes& address, const ConntrackEntry& entry);

  FiltersByAddress by_reply_source_;
  FiltersByAddress by_original_destination_;
  std::vector<ConntrackFilter> others_;
};

}  // namespace weir
