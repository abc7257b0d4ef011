// Loaded programs: run on a packet of the caller's, counted, described.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

struct TestPacket {
  std::vector<uint8_t> data;  // the frame
  // As the program sees them; 1 is the loopback interface of the namespace.
  uint32_t interface = 1;
  uint32_t ingress_interface = 0;
  uint32_t repeat = 1;  // the program sees the packet as the run before left it
};

struct TestResult {
  uint32_t value = 0;          // what the program returned
  uint32_t duration = 0;       // ns for each run, on average
  std::vector<uint8_t> frame;  // as the program left it; of a single packet only
};

struct ProgramDescription {
  uint32_t id = 0;
  std::string name;
  uint64_t runs = 0;        // while statistics were on
  uint64_t nanoseconds = 0;
};

// All of these throw ErrnoError.

// Runs a tc program on a packet, inside the caller's network namespace.
TestResult run_on_packet(const UniqueFd& program, const TestPacket& packet);

// Runs a tc program once on each frame; a frame ends where `ends` says (ascending offsets in `frames`). Returns what the
// program returned for each. A frame that the kernel does not take as one (shorter than its headers) gets `kRefused`.
std::vector<uint32_t> run_on_packets(const UniqueFd& program, const std::vector<uint8_t>& frames,
                                     const std::vector<uint32_t>& ends, const TestPacket& place);

constexpr uint32_t kRefused = 0x7fffffff;

// Runs a program of the kind `syscall` on `context`, which it may write to; returns what it returned.
uint32_t run_on_context(const UniqueFd& program, std::vector<uint8_t>& context);

ProgramDescription describe_program(const UniqueFd& program);

// The kernel counts runs of all programs for as long as the descriptor is open.
UniqueFd count_runs();

// Puts a map, program or link at a path in a BPF file system, and takes it from there.
void pin(const UniqueFd& object, const std::string& path);
UniqueFd open_pinned(const std::string& path);

}  // namespace weir
