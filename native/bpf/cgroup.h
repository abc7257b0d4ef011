// Programs on what the sockets of a cgroup do, by links.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/unique_fd.h"

namespace weir {

struct CgroupLinkDescription {
  uint32_t program = 0;  // its id
  uint64_t cgroup = 0;   // its id, which is the inode of its directory; 0: the cgroup is gone
};

// The number of a hook (enum bpf_attach_type) by its name, such as connect4; nothing for names that are none.
std::optional<uint32_t> cgroup_hook(const std::string& name);

// All of these throw ErrnoError.

// Runs the program for sockets made in the cgroup and below it, beside those of others. It stays while the link's
// descriptor is open or the link is pinned. `cgroup` is a directory of cgroup2.
UniqueFd attach_to_cgroup(const UniqueFd& program, const std::string& cgroup, uint32_t hook);

CgroupLinkDescription describe_cgroup_link(const UniqueFd& link);

}  // namespace weir
