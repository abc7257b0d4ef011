// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "file-descriptor.h"
#include "netlink-socket.h"

namespace nftjs {

/// Reads nftables change notifications in a thread of its own.
class ChangeMonitor {
 public:
  /// Gets raw notification messages; an empty vector says that some were lost (receive buffer overrun).
  using Deliver = std::function<void(std::vector<std::uint8_t>)>;
  /// Called once, as the last thing the thread does.
  using Ended = std::function<void()>;

  /// Subscribed when the constructor returns. Throws std::system_error.
  explicit ChangeMonitor(const std::string& netns_path);
  ~ChangeMonitor();
  ChangeMonitor(const ChangeMonitor&) = delete;
  ChangeMonitor& operator=(const ChangeMonitor&) = delete;

  /// Starts delivering; call once.
  void start(Deliver deliver, Ended ended);
  /// Asks the thread to end; returns at once, may be called again.
  void stop();

 private:
  void run(const Deliver& deliver);
  bool wait();
  bool read_available(const Deliver& deliver);

  std::unique_ptr<NetlinkSocket> socket_;
  FileDescriptor wakeup_;
  std::thread thread_;
};

}  // namespace nftjs
