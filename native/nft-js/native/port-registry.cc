// SPDX-License-Identifier: Apache-2.0
#include "port-registry.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>

namespace nftjs {

namespace {

// Enough for notifications that are read late, few enough that a reused port id is not taken for ours.
constexpr std::size_t kRetiredPorts = 64;

struct Registry {
  std::mutex mutex;
  std::multiset<std::uint32_t> open;
  std::deque<std::uint32_t> retired;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

void register_port(std::uint32_t port_id) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  registry().open.insert(port_id);
}

void retire_port(std::uint32_t port_id) {
  Registry& ports = registry();
  const std::lock_guard<std::mutex> lock(ports.mutex);
  const auto found = ports.open.find(port_id);
  if (found != ports.open.end()) ports.open.erase(found);
  ports.retired.push_back(port_id);
  if (ports.retired.size() > kRetiredPorts) ports.retired.pop_front();
}

bool owns_port(std::uint32_t port_id) {
  Registry& ports = registry();
  const std::lock_guard<std::mutex> lock(ports.mutex);
  return ports.open.count(port_id) > 0 ||
         std::find(ports.retired.begin(), ports.retired.end(), port_id) != ports.retired.end();
}

}  // namespace nftjs
