// Work in another network namespace without moving the calling thread.
#pragma once

#include <functional>
#include <string>

namespace weir {

// Runs `work` on a thread of its own inside the network namespace at `path` and waits for it; an empty path means the
// namespace of the caller, on the calling thread. Sockets opened inside stay in that namespace.
// Throws ErrnoError of open or setns, and whatever `work` throws.
void in_network_namespace(const std::string& path, const std::function<void()>& work);

}  // namespace weir
