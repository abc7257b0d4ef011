// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "file-descriptor.h"

namespace nftjs {

/// The first message of a batch that the kernel refused.
struct Refusal {
  std::uint32_t sequence;
  int error;            ///< errno, positive
  std::string message;  ///< the kernel's extended text, may be empty
  std::uint32_t offset; ///< of the offending attribute in the refused message in bytes, 0 if not told
};

/// A bound NETLINK_NETFILTER socket. All calls block; calls from several threads take turns.
class NetlinkSocket {
 public:
  /// Opens the socket in the network namespace at `netns_path` (empty: the caller's). Throws std::system_error.
  explicit NetlinkSocket(const std::string& netns_path);
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  std::uint32_t port_id() const { return port_id_; }
  int descriptor() const { return descriptor_.get(); }

  /// Subscribes to an nfnetlink multicast group. Throws std::system_error.
  void join(unsigned group);

  /// Sends a whole batch. `first_sequence` is that of its begin message, `acknowledged_sequence` that of the
  /// message which asks for an ack. Returns nothing when the kernel took all of it. Throws std::system_error
  /// (sendto, recvfrom).
  std::optional<Refusal> transact(std::span<const std::uint8_t> batch, std::uint32_t first_sequence,
                                  std::uint32_t acknowledged_sequence);

  /// Sends a request or dump request and returns all answers, one after the other. A dump that was disturbed by
  /// a change is repeated, at most `kDumpAttempts` times, then fails with EINTR. Throws std::system_error.
  std::vector<std::uint8_t> query(std::span<const std::uint8_t> request, std::uint32_t sequence);

 private:
  enum class Outcome { complete, interrupted };

  void set_option(int option, int value, const char* name);
  void grow_buffer(int forced_option, int option, int bytes);
  void send(std::span<const std::uint8_t> bytes);
  std::size_t receive(bool wait);
  void drain();
  Outcome collect(std::uint32_t sequence, std::vector<std::uint8_t>& answers);

  FileDescriptor descriptor_;
  std::uint32_t port_id_ = 0;
  int send_buffer_ = 0;
  std::mutex mutex_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace nftjs
