// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace nftjs {

/// What a run of nft commands printed.
struct TextResult {
  bool succeeded;
  std::string output;
  std::string error;
};

/// Runs commands in nft's language through libnftables, in the network namespace at `netns_path` (empty: the
/// caller's). Blocks; one run at a time in the process. Throws std::system_error when libnftables cannot start.
TextResult run_text_commands(const std::string& netns_path, const std::string& text, bool json);

}  // namespace nftjs
