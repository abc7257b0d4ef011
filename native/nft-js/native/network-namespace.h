// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace nftjs {

/// Runs `work` to its end while the running thread is in the network namespace at `path` (such as
/// /run/netns/blue). A thread of its own enters the namespace, so the caller's threads never change theirs.
/// An empty path runs `work` right here. Throws std::system_error (open, setns) and whatever `work` throws.
void in_network_namespace(const std::string& path, const std::function<void()>& work);

}  // namespace nftjs
