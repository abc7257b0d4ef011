#include "bpf/cgroup.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <map>

#include "core/errno_error.h"

namespace weir {

std::optional<uint32_t> cgroup_hook(const std::string& name) {
  static const std::map<std::string, uint32_t> hooks = {
      {"connect4", BPF_CGROUP_INET4_CONNECT},         {"connect6", BPF_CGROUP_INET6_CONNECT},
      {"sendmsg4", BPF_CGROUP_UDP4_SENDMSG},          {"sendmsg6", BPF_CGROUP_UDP6_SENDMSG},
      {"recvmsg4", BPF_CGROUP_UDP4_RECVMSG},          {"recvmsg6", BPF_CGROUP_UDP6_RECVMSG},
      {"getpeername4", BPF_CGROUP_INET4_GETPEERNAME}, {"getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
      {"sock_release", BPF_CGROUP_INET_SOCK_RELEASE}, {"sock_ops", BPF_CGROUP_SOCK_OPS},
  };
  const auto found = hooks.find(name);
  return found == hooks.end() ? std::nullopt : std::optional<uint32_t>(found->second);
}

UniqueFd attach_to_cgroup(const UniqueFd& program, const std::string& cgroup, uint32_t hook) {
  const UniqueFd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) throw ErrnoError("open", cgroup, errno);
  const int link = bpf_link_create(program.get(), directory.get(), static_cast<bpf_attach_type>(hook), nullptr);
  if (link < 0) throw ErrnoError("bpf_link_create", cgroup, -link);
  return UniqueFd(link);
}

CgroupLinkDescription describe_cgroup_link(const UniqueFd& link) {
  bpf_link_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "a link to a cgroup", errno);
  }
  return {info.prog_id, info.cgroup.cgroup_id};
}

}  // namespace weir
