// What tells network namespaces apart for as long as the machine runs.
#pragma once

#include <cstdint>
#include <string>

namespace weir {

// The kernel's number of the namespace at `path` (empty: the caller's), which it never gives again. Throws ErrnoError.
uint64_t network_namespace_cookie(const std::string& path);

}  // namespace weir
