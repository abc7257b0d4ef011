// Packets that nftables rules log to a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

struct LoggedPacket {
  // Of the rule.
  std::string prefix;
  // Interface indexes; 0: none at this hook.
  uint32_t incoming = 0;
  uint32_t outgoing = 0;
  // From the IP header on, as much as the log takes.
  std::vector<uint8_t> bytes;
};

class PacketLog {
 public:
  // Of the group in the namespace at the path ("" is the caller's); `snap` bytes of each packet.
  // Throws ErrnoError: EBUSY or EPERM when another process has the group.
  PacketLog(const std::string& network_namespace, uint16_t group, uint32_t snap);

  // Readable while packets wait.
  int poll_fd() const noexcept { return fd_.get(); }

  // Takes packets, in order, out of at most `limit` datagrams; never waits. Nothing: the kernel had to drop some.
  // Throws ErrnoError.
  std::optional<std::vector<LoggedPacket>> take(size_t limit);

 private:
  UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace weir
