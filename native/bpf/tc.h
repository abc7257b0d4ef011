// Programs on the two tc hooks of an interface: by tcx links, or by clsact filters where the kernel has no tcx.
#pragma once

#include <cstdint>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

enum class TcHook { kIngress, kEgress };

// Of the filters that `attach_filter` puts somewhere; others count from 1.
inline constexpr uint32_t kFilterHandle = 0x77656972;

struct LinkDescription {
  uint32_t id = 0;
  uint32_t program = 0;    // its id
  uint32_t interface = 0;  // 0: the interface is gone
  TcHook hook = TcHook::kIngress;
};

struct AttachedProgram {
  uint32_t program = 0;  // its id
  uint32_t link = 0;     // id of its link; 0: attached without one
};

// All of these throw ErrnoError. Interfaces are of the caller's network namespace. Attaching and detaching wait until no
// packet is in the old program: 8 to 16 ms.

// Puts the program before all others on the hook; it stays while the link's descriptor is open or the link is pinned.
UniqueFd attach_tcx(const UniqueFd& program, uint32_t interface, TcHook hook);

// Puts another program in the place of the link's, without a moment between.
void update_link(const UniqueFd& link, const UniqueFd& program);

void detach_link(const UniqueFd& link);

LinkDescription describe_link(const UniqueFd& link);

// In the order in which they run.
std::vector<AttachedProgram> programs_on(uint32_t interface, TcHook hook);

// The clsact way. A filter has a priority (smaller runs first) and replaces ours that has it already, nobody else's.
void attach_filter(const UniqueFd& program, uint32_t interface, TcHook hook, uint32_t priority);
void detach_filter(uint32_t interface, TcHook hook, uint32_t priority);

// Id of the program that `attach_filter` put there; 0: it is gone, or so is the interface.
uint32_t filter_program(uint32_t interface, TcHook hook, uint32_t priority);

// Whether the hook has a program of tcx that is none of `own`. None where the kernel has no tcx, or the interface is gone.
bool has_other_program(uint32_t interface, TcHook hook, const std::vector<uint32_t>& own);

}  // namespace weir
