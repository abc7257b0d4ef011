// The kernel's connection tracking table: listing and deleting entries, by ctnetlink.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "link/conntrack_filter.h"

namespace weir {

// All entries that match, in the network namespace at `network_namespace` ("" is the caller's). Blocks for the length of
// a dump. Throws ErrnoError.
std::vector<ConntrackEntry> list_conntrack(const ConntrackFilter& filter, const std::string& network_namespace);

// Deletes all entries that match one of the filters and returns how many it deleted. An entry that ends meanwhile, or
// whose tuple a new connection took over, is neither deleted nor counted. Blocks. Throws ErrnoError.
size_t delete_conntrack(const std::vector<ConntrackFilter>& filters, const std::string& network_namespace);

}  // namespace weir
