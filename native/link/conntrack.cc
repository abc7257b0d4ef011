#include "link/conntrack.h"

#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <mutex>

#include "core/errno_error.h"
#include "link/conntrack_message.h"
#include "link/netlink_socket.h"
#include "link/network_namespace.h"

namespace weir {
namespace {

// The process's own socket is kept: closing one waits, under nftables' lock, for deletions still under way there. That
// takes up to 14 ms, which the next change of the ruleset would have to wait as well. After a failure a new one is opened.
void with_socket(const std::string& network_namespace, const std::function<void(NetlinkSocket&)>& work) {
  if (!network_namespace.empty()) {
    in_network_namespace(network_namespace, [&] {
      NetlinkSocket socket(NETLINK_NETFILTER);
      work(socket);
    });
    return;
  }
  static std::mutex mutex;
  static std::unique_ptr<NetlinkSocket> kept;
  const std::lock_guard<std::mutex> lock(mutex);
  if (kept == nullptr) kept = std::make_unique<NetlinkSocket>(NETLINK_NETFILTER);
  try {
    work(*kept);
  } catch (...) {
    kept.reset();
    throw;
  }
}

using Visitor = std::function<void(ConntrackEntry&&)>;

// Keeps a batch of deletes, and its answers, far below the socket's buffers.
constexpr size_t kDeletesPerBatch = 128;
const char* const kTable = "the conntrack table";

void dump_once(NetlinkSocket& socket, const ConntrackFilter& filter, bool kernel_filter, const Visitor& visit) {
  alignas(nlmsghdr) uint8_t buffer[kRequestBytes];
  socket.dump(write_dump_request(buffer, filter, kernel_filter), kTable, [&](const nlmsghdr& message) {
    std::optional<ConntrackEntry> entry = read_entry(message);
    if (entry.has_value()) visit(std::move(*entry));
  });
}

// Entries the kernel's filter lets through; a kernel that can't compare these fields sends the whole family.
void dump(NetlinkSocket& socket, const ConntrackFilter& filter, const Visitor& visit) {
  try {
    dump_once(socket, filter, true, visit);
  } catch (const ErrnoError& error) {
    if (error.number() != EOPNOTSUPP && error.number() != EINVAL) throw;
    dump_once(socket, filter, false, visit);
  }
}

// What every filter of this family asks for: the most that one dump can leave to the kernel.
std::optional<ConntrackFilter> common_part(const std::vector<ConntrackFilter>& filters, uint8_t family) {
  std::optional<ConntrackFilter> common;
  for (const ConntrackFilter& filter : filters) {
    if (filter.family != family) continue;
    if (!common.has_value()) {
      common = filter;
    } else {
      const auto protocol = common->protocol == filter.protocol ? filter.protocol : std::nullopt;
      common = ConntrackFilter();
      common->family = family;
      common->protocol = protocol;
    }
  }
  return common;
}

// One dump per family, however many filters: the kernel walks all buckets of its table for each (10 ms for 262,144).
std::vector<ConntrackEntry> entries_of_any(NetlinkSocket& socket, const std::vector<ConntrackFilter>& filters) {
  std::vector<ConntrackEntry> entries;
  const ConntrackFilterSet set(filters);
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    const std::optional<ConntrackFilter> common = common_part(filters, family);
    if (!common.has_value()) continue;
    dump(socket, *common, [&](ConntrackEntry&& entry) {
      if (set.matches(entry)) entries.push_back(std::move(entry));
    });
  }
  return entries;
}

size_t delete_batch(NetlinkSocket& socket, std::vector<uint8_t>& batch, size_t count) {
  size_t deleted = 0;
  for (const int status : socket.acknowledge(batch, count, kTable)) {
    if (status == 0) ++deleted;
    // ENOENT: it ended by itself, or two filters found it, or its tuple belongs to a new connection by now.
    if (status != 0 && status != ENOENT) throw ErrnoError("netlink", kTable, status);
  }
  return deleted;
}

size_t delete_entries(NetlinkSocket& socket, const std::vector<ConntrackEntry>& entries) {
  size_t deleted = 0;
  for (size_t next = 0; next < entries.size();) {
    std::vector<uint8_t> batch;
    size_t count = 0;
    for (; next < entries.size() && count < kDeletesPerBatch; ++next, ++count) {
      append_delete_request(batch, entries[next]);
    }
    deleted += delete_batch(socket, batch, count);
  }
  return deleted;
}

}  // namespace

std::vector<ConntrackEntry> list_conntrack(const ConntrackFilter& filter, const std::string& network_namespace) {
  std::vector<ConntrackEntry> entries;
  with_socket(network_namespace, [&](NetlinkSocket& socket) { entries = entries_of_any(socket, {filter}); });
  return entries;
}

size_t delete_conntrack(const std::vector<ConntrackFilter>& filters, const std::string& network_namespace) {
  if (filters.empty()) return 0;
  size_t deleted = 0;
  with_socket(network_namespace, [&](NetlinkSocket& socket) {
    deleted = delete_entries(socket, entries_of_any(socket, filters));
  });
  return deleted;
}

}  // namespace weir
