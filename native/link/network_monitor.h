// Tells of changes of a network namespace, and of addresses in the namespaces beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/unique_fd.h"
#include "link/network_message.h"

namespace weir {

struct ObservedChange {
  NetworkChange change;
  // Of an address in another namespace: the id that one has in the observed one.
  std::optional<int32_t> network_namespace;
};

class NetworkMonitor {
 public:
  // Of the namespace at the path ("" is the caller's). Everything that changes afterwards is told, addresses in the
  // namespaces beside only to who has CAP_NET_BROADCAST. Throws ErrnoError.
  explicit NetworkMonitor(const std::string& network_namespace);

  // Readable while changes wait.
  int poll_fd() const noexcept { return fd_.get(); }

  // Takes changes, in order, out of at most `limit` datagrams; never waits. Nothing: the kernel had to drop some.
  // Throws ErrnoError.
  std::optional<std::vector<ObservedChange>> take(size_t limit);

 private:
  UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace weir
