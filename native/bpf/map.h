// Maps in the kernel: described, written, read and emptied in batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

struct MapDescription {
  uint32_t id = 0;
  uint32_t type = 0;  // BPF_MAP_TYPE_*
  uint32_t key_size = 0;
  uint32_t value_size = 0;  // as user space sees it: of per-CPU maps, a slot of 8-byte steps for each CPU
  uint32_t max_entries = 0;
  uint32_t flags = 0;
  std::string name;  // cut to 15 bytes by the kernel
};

struct MapEntries {
  size_t count = 0;
  std::vector<uint8_t> keys;    // one after the other
  std::vector<uint8_t> values;  // likewise
};

// All of these throw ErrnoError that names the map.

MapDescription describe_map(const UniqueFd& map);

// Writes `keys` and `values`, which hold `count` entries one after the other. An entry that is there is replaced. After a
// failure the entries before the one that failed are written.
void update_map(const UniqueFd& map, const std::vector<uint8_t>& keys, const std::vector<uint8_t>& values);

// Every entry. What changes meanwhile may be in it or not.
MapEntries read_map(const UniqueFd& map);

// The value of one key; nothing when it is not there.
std::optional<std::vector<uint8_t>> look_up(const UniqueFd& map, const std::vector<uint8_t>& key);

// Deletes the entries with these keys and returns how many were there.
size_t delete_from_map(const UniqueFd& map, const std::vector<uint8_t>& keys);

}  // namespace weir
