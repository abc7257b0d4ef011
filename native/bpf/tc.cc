#include "bpf/tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "core/errno_error.h"

namespace weir {
namespace {

// The kernel has tcx since 6.6; the header it is compiled with may be older, and then lacks all of this.
constexpr uint32_t kTcxIngress = 46;
constexpr uint32_t kTcxEgress = 47;
constexpr uint32_t kBefore = 1U << 3;
constexpr uint32_t kMostPrograms = 64;

struct CreateLink {
  uint32_t program;
  uint32_t interface;
  uint32_t attach_type;
  uint32_t flags;
  uint32_t relative;
  uint32_t padding;
  uint64_t expected_revision;
};

struct Query {
  uint32_t interface;
  uint32_t attach_type;
  uint32_t query_flags;
  uint32_t attach_flags;
  uint64_t programs;
  uint32_t count;
  uint32_t padding;
  uint64_t program_flags;
  uint64_t links;
  uint64_t link_flags;
  uint64_t revision;
};

// The head of struct bpf_link_info as tcx links fill it.
struct TcxLinkInfo {
  uint32_t type;
  uint32_t id;
  uint32_t program;
  uint32_t padding;
  uint32_t interface;
  uint32_t attach_type;
};

template <typename Attributes>
long call_bpf(int command, Attributes& attributes) {
  return ::syscall(__NR_bpf, command, &attributes, sizeof(attributes));
}

uint32_t attach_type(TcHook hook) { return hook == TcHook::kIngress ? kTcxIngress : kTcxEgress; }

std::string place(uint32_t interface, TcHook hook) {
  return "interface " + std::to_string(interface) + (hook == TcHook::kIngress ? " ingress" : " egress");
}

bpf_tc_hook filter_hook(uint32_t interface, TcHook hook) {
  bpf_tc_hook value = {};
  value.sz = sizeof(value);
  value.ifindex = static_cast<int>(interface);
  value.attach_point = hook == TcHook::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return value;
}

}  // namespace

UniqueFd attach_tcx(const UniqueFd& program, uint32_t interface, TcHook hook) {
  CreateLink request = {};
  request.program = static_cast<uint32_t>(program.get());
  request.interface = interface;
  request.attach_type = attach_type(hook);
  request.flags = kBefore;
  const long fd = call_bpf(BPF_LINK_CREATE, request);
  if (fd < 0) throw ErrnoError("bpf BPF_LINK_CREATE", place(interface, hook), errno);
  return UniqueFd(static_cast<int>(fd));
}

void update_link(const UniqueFd& link, const UniqueFd& program) {
  if (bpf_link_update(link.get(), program.get(), nullptr) != 0) {
    throw ErrnoError("bpf_link_update", "a link", errno);
  }
}

void detach_link(const UniqueFd& link) {
  if (bpf_link_detach(link.get()) != 0) throw ErrnoError("bpf_link_detach", "a link", errno);
}

LinkDescription describe_link(const UniqueFd& link) {
  TcxLinkInfo info = {};
  uint32_t size = sizeof(info);
  // The kernel fills as much as fits; libbpf's structure would be larger than an older one knows.
  if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "a tcx link", errno);
  }
  return {info.id, info.program, info.interface,
          info.attach_type == kTcxIngress ? TcHook::kIngress : TcHook::kEgress};
}

std::vector<AttachedProgram> programs_on(uint32_t interface, TcHook hook) {
  uint32_t programs[kMostPrograms] = {};
  uint32_t links[kMostPrograms] = {};
  Query query = {};
  query.interface = interface;
  query.attach_type = attach_type(hook);
  query.programs = reinterpret_cast<uint64_t>(programs);
  query.links = reinterpret_cast<uint64_t>(links);
  query.count = kMostPrograms;
  if (call_bpf(BPF_PROG_QUERY, query) != 0) throw ErrnoError("bpf BPF_PROG_QUERY", place(interface, hook), errno);
  std::vector<AttachedProgram> attached;
  for (uint32_t index = 0; index < query.count && index < kMostPrograms; ++index) {
    attached.push_back({programs[index], links[index]});
  }
  return attached;
}

void attach_filter(const UniqueFd& program, uint32_t interface, TcHook hook, uint32_t priority) {
  bpf_tc_hook point = filter_hook(interface, hook);
  const int created = bpf_tc_hook_create(&point);
  if (created != 0 && created != -EEXIST) {
    throw ErrnoError("bpf_tc_hook_create", place(interface, hook), -created);
  }
  LIBBPF_OPTS(bpf_tc_opts, filter);
  filter.handle = kFilterHandle;
  filter.priority = priority;
  filter.prog_fd = program.get();
  filter.flags = BPF_TC_F_REPLACE;
  const int failure = bpf_tc_attach(&point, &filter);
  if (failure != 0) throw ErrnoError("bpf_tc_attach", place(interface, hook), -failure);
}

void detach_filter(uint32_t interface, TcHook hook, uint32_t priority) {
  const bpf_tc_hook point = filter_hook(interface, hook);
  LIBBPF_OPTS(bpf_tc_opts, filter);
  filter.handle = kFilterHandle;
  filter.priority = priority;
  const int failure = bpf_tc_detach(&point, &filter);
  if (failure != 0) throw ErrnoError("bpf_tc_detach", place(interface, hook), -failure);
}

uint32_t filter_program(uint32_t interface, TcHook hook, uint32_t priority) {
  const bpf_tc_hook point = filter_hook(interface, hook);
  LIBBPF_OPTS(bpf_tc_opts, filter);
  filter.handle = kFilterHandle;
  filter.priority = priority;
  const int failure = bpf_tc_query(&point, &filter);
  if (failure == 0) return filter.prog_id;
  if (failure == -ENOENT || failure == -EINVAL || failure == -ENODEV) return 0;
  throw ErrnoError("bpf_tc_query", place(interface, hook), -failure);
}

bool has_other_program(uint32_t interface, TcHook hook, const std::vector<uint32_t>& own) {
  try {
    const auto attached = programs_on(interface, hook);
    return std::any_of(attached.begin(), attached.end(), [&](const AttachedProgram& each) {
      return std::find(own.begin(), own.end(), each.program) == own.end();
    });
  } catch (const ErrnoError& error) {
    if (error.number() == EINVAL || error.number() == ENODEV) return false;
    throw;
  }
}

}  // namespace weir
