// What stands in the way of packets at interfaces: queueing disciplines, and filters of clsact.
#pragma once

#include <cstdint>
#include <vector>

namespace weir {

struct TrafficControl {
  bool queue = false;   // packets wait in a queue, or are shaped
  bool filter = false;  // somebody's filter sees them
};

// For each of the interfaces, which are of the caller's network namespace. Filters with the handle `own` do not count. Throws
// ErrnoError.
std::vector<TrafficControl> find_traffic_control(const std::vector<uint32_t>& interfaces, uint32_t own);

}  // namespace weir
