// IP addresses as bytes.
#pragma once

#include <array>
#include <cstdint>

namespace weir {

// Network byte order; IPv4 uses the first 4 bytes, the rest is zero.
using AddressBytes = std::array<uint8_t, 16>;

}  // namespace weir
