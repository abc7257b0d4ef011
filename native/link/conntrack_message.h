// Messages of ctnetlink: requests written, entries read.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "link/conntrack_filter.h"

namespace weir {

// Large enough for a request with every attribute of a filter.
constexpr size_t kRequestBytes = 1024;

// Writes the request for all entries of the filter's family into `buffer` (kRequestBytes, aligned). With
// `kernel_filter`, also what the kernel can compare by itself (5.8 and later; an older kernel ignores it).
nlmsghdr& write_dump_request(uint8_t* buffer, const ConntrackFilter& filter, bool kernel_filter);

// Appends the request that deletes exactly this entry.
void append_delete_request(std::vector<uint8_t>& batch, const ConntrackEntry& entry);

// Reads an entry; nothing when the message is not one or lacks a tuple.
std::optional<ConntrackEntry> read_entry(const nlmsghdr& message);

}  // namespace weir
