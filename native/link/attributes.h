// Attributes of netlink messages, found by type.
#pragma once

#include <libmnl/libmnl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "link/address_bytes.h"

namespace weir {

// Attributes by type; later ones of a type replace earlier ones. Types beyond the table are skipped.
template <size_t Size>
std::array<const nlattr*, Size> index_attributes(const void* start, size_t length) {
  std::array<const nlattr*, Size> table = {};
  const auto* attribute = static_cast<const nlattr*>(start);
  auto left = static_cast<int>(length);
  while (mnl_attr_ok(attribute, left)) {
    const uint16_t type = mnl_attr_get_type(attribute);
    if (type < Size) table[type] = attribute;
    left -= MNL_ALIGN(attribute->nla_len);
    attribute = mnl_attr_next(attribute);
  }
  return table;
}

template <size_t Size>
std::array<const nlattr*, Size> index_nested(const nlattr* parent) {
  return index_attributes<Size>(mnl_attr_get_payload(parent), mnl_attr_get_payload_len(parent));
}

// All zero when the attribute is missing.
inline AddressBytes read_address(const nlattr* attribute) {
  AddressBytes address = {};
  if (attribute != nullptr) {
    const size_t length = std::min<size_t>(mnl_attr_get_payload_len(attribute), address.size());
    std::memcpy(address.data(), mnl_attr_get_payload(attribute), length);
  }
  return address;
}

}  // namespace weir
