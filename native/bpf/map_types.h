// What a map in the kernel says of the types of its keys and values.
#pragma once

#include <cstdint>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

struct MapTypes {
  std::vector<uint8_t> types;  // BTF, as in the section .BTF of an object file; empty where the map has none
  uint32_t key = 0;            // number of its type; 0: none
  uint32_t value = 0;
};

// Throws ErrnoError.
MapTypes map_types(const UniqueFd& map);

}  // namespace weir
