#include "bpf/program.h"

#include <bpf/bpf.h>

#include "core/errno_error.h"

namespace weir {
namespace {

UniqueFd checked(int fd, const std::string& call, const std::string& object) {
  if (fd < 0) throw ErrnoError(call, object, errno);
  return UniqueFd(fd);
}

constexpr size_t kRoomToGrow = 256;

// False, and errno, when the kernel does not run the program on these bytes. `*left`: what it made of them, if asked for.
bool run(const UniqueFd& program, const uint8_t* frame, size_t size, const TestPacket& place, TestResult& result,
         std::vector<uint8_t>* left = nullptr) {
  __sk_buff context = {};
  context.ifindex = place.interface;
  context.ingress_ifindex = place.ingress_interface;
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame;
  options.data_size_in = static_cast<uint32_t>(size);
  options.ctx_in = &context;
  options.ctx_size_in = sizeof(context);
  options.repeat = static_cast<int>(place.repeat);
  if (left != nullptr) {
    left->resize(size + kRoomToGrow);
    options.data_out = left->data();
    options.data_size_out = static_cast<uint32_t>(left->size());
  }
  if (bpf_prog_test_run_opts(program.get(), &options) != 0) return false;
  result.value = options.retval;
  result.duration = options.duration;
  if (left != nullptr) left->resize(options.data_size_out);
  return true;
}

}  // namespace

TestResult run_on_packet(const UniqueFd& program, const TestPacket& packet) {
  TestResult result;
  if (!run(program, packet.data.data(), packet.data.size(), packet, result, &result.frame)) {
    throw ErrnoError("bpf_prog_test_run_opts", std::to_string(packet.data.size()) + " bytes", errno);
  }
  return result;
}

std::vector<uint32_t> run_on_packets(const UniqueFd& program, const std::vector<uint8_t>& frames,
                                     const std::vector<uint32_t>& ends, const TestPacket& place) {
  std::vector<uint32_t> values;
  values.reserve(ends.size());
  size_t begin = 0;
  for (const uint32_t end : ends) {
    if (end < begin || end > frames.size()) throw ErrnoError("check ends", "of frames: not ascending", EINVAL);
    TestResult result;
    const bool taken = run(program, frames.data() + begin, end - begin, place, result);
    if (!taken && errno != EINVAL) throw ErrnoError("bpf_prog_test_run_opts", "one of many frames", errno);
    values.push_back(taken ? result.value : kRefused);
    begin = end;
  }
  return values;
}

uint32_t run_on_context(const UniqueFd& program, std::vector<uint8_t>& context) {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  // What the program wrote comes back in the same place; the kernel takes no other for this kind.
  options.ctx_in = context.data();
  options.ctx_size_in = static_cast<uint32_t>(context.size());
  if (bpf_prog_test_run_opts(program.get(), &options) != 0) {
    throw ErrnoError("bpf_prog_test_run_opts", "a context of " + std::to_string(context.size()) + " bytes", errno);
  }
  return options.retval;
}

ProgramDescription describe_program(const UniqueFd& program) {
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) {
    throw ErrnoError("bpf_obj_get_info_by_fd", "a program", errno);
  }
  return {info.id, info.name, info.run_cnt, info.run_time_ns};
}

UniqueFd count_runs() { return checked(bpf_enable_stats(BPF_STATS_RUN_TIME), "bpf_enable_stats", ""); }

void pin(const UniqueFd& object, const std::string& path) {
  if (bpf_obj_pin(object.get(), path.c_str()) != 0) throw ErrnoError("bpf_obj_pin", path, errno);
}

UniqueFd open_pinned(const std::string& path) { return checked(bpf_obj_get(path.c_str()), "bpf_obj_get", path); }

}  // namespace weir
