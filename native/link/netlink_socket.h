// A netlink socket for requests that are answered: dumps and acknowledged commands.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

class NetlinkSocket {
 public:
  // Opens a socket of `protocol` (NETLINK_NETFILTER ...) in the namespace of the calling thread. Throws ErrnoError.
  explicit NetlinkSocket(int protocol);

  // Sends one dump request (its sequence number is set here) and hands each message of the answer to `visit`. Returns
  // false when the kernel says that changes meanwhile may have hidden entries from it.
  // Throws ErrnoError, named after `what`, when the kernel refuses.
  bool dump(nlmsghdr& request, const std::string& what, const std::function<void(const nlmsghdr&)>& visit);

  // Sends `count` messages laid out one behind another in `batch`, each with NLM_F_ACK, sequence numbers set here, in
  // one system call. Returns the kernel's errno for each message in order, 0 where it was carried out.
  std::vector<int> acknowledge(std::vector<uint8_t>& batch, size_t count, const std::string& what);

 private:
  size_t receive(const std::string& what);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
  std::vector<uint8_t> buffer_;
};

}  // namespace weir
