// Backends that do not answer are left out of choice for a while, twice as long each time. Then one connection is let through:
// if it is answered the backend is back.
#pragma once

#include "service.h"

// The kernel verifies these functions on their own, so that loops around them cost it no more than one round.
#define APART __noinline

// In a row, before the backend is ejected.
#define FAILURES 3
#define EJECTION_SECONDS 10
#define LONGEST_EJECTION_SECONDS 300
// How long others wait for the answer to the connection that was let through.
#define PROBE_SECONDS 5
// Slots that are looked at before a backend is ejected, evenly spread; all of them where there are no more.
#define EJECTION_SLOTS 256

// What a backend is to a new connection.
enum standing {
  STANDING_IN,
  STANDING_OUT,
  STANDING_PROBED,  // this very connection is to find out whether it answers
};

// `probes`: the connection is watched, so it may be the one that is let through.
static __always_inline enum standing standing_of(struct backend_state *state, bool probes) {
  if (!state || !state->ejected_until) return STANDING_IN;
  const __u64 now = bpf_ktime_get_ns();
  if (now < state->ejected_until) return STANDING_OUT;
  if (!probes) return STANDING_IN;
  const __u64 before = state->probed;
  if (before && now - before < PROBE_SECONDS * NANOSECONDS_PER_SECOND) return STANDING_OUT;
  return __sync_val_compare_and_swap(&state->probed, before, now) == before ? STANDING_PROBED : STANDING_OUT;
}

static __always_inline struct service_state *service_state_of(__u32 number) {
  struct service_state *state = bpf_map_lookup_elem(&service_states, &number);
  if (state) return state;
  const struct service_state fresh = {};
  bpf_map_update_elem(&service_states, &number, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&service_states, &number);
}

// 1 where the slot is of this backend, or of one that is ejected; an ejected one is out until it has answered.
APART __u32 is_out(__u32 service, __u32 generation, enum slot_list list, __u32 index, __u32 number) {
  const __u32 other = backend_in_slot(service, generation, list, index);
  if (other == number) return 1;
  const struct backend_state *state = bpf_map_lookup_elem(&backend_states, &other);
  return state && state->ejected_until;
}

// At most half of the slots may be of ejected backends, but for what rounding gives those of tables made by shares, and never
// all of them.
static __always_inline bool may_leave(const struct backend *backend, const struct service *service, __u32 number,
                                      enum slot_list list) {
  if (!(backend->lists & (1 << list))) return true;
  const __u32 slots = service->slots[list];
  const __u32 looked_at = slots < EJECTION_SLOTS ? slots : EJECTION_SLOTS;
  __u32 out = 0;
  for (__u32 index = 0; index < EJECTION_SLOTS; ++index) {
    if (index >= looked_at) break;
    const __u32 slot = slots <= EJECTION_SLOTS ? index : (__u64)index * slots / EJECTION_SLOTS;
    out += is_out(backend->service, service->generation, list, slot, number);
  }
  return out < looked_at && 2 * out <= looked_at + looked_at / 32;
}

static __always_inline __u64 ejection_time(__u32 ejections) {
  const __u64 seconds = (__u64)EJECTION_SECONDS << (ejections < 5 ? ejections : 5);
  return (seconds < LONGEST_EJECTION_SECONDS ? seconds : LONGEST_EJECTION_SECONDS) * NANOSECONDS_PER_SECOND;
}

// Takes the backend out of choice, where enough others are left. False: it stays.
static __always_inline bool eject(__u32 number, struct backend_state *state) {
  const struct backend *backend = bpf_map_lookup_elem(&backends, &number);
  if (!backend) return false;
  const __u32 owner = backend->service;
  const struct service *service = bpf_map_lookup_elem(&services, &owner);
  struct service_state *service_state = service_state_of(owner);
  // One at a time, so that no two rely on each other to stay.
  if (!service || !service_state || __sync_lock_test_and_set(&service_state->ejecting, 1)) return false;
  const bool leaves =
      may_leave(backend, service, number, LIST_CLUSTER) && may_leave(backend, service, number, LIST_LOCAL);
  if (leaves) {
    state->probed = 0;
    state->ejected_until = bpf_ktime_get_ns() + ejection_time(state->ejections);
    state->ejections += 1;
  }
  service_state->ejecting = 0;
  return leaves;
}

// One more connection that failed. True where it takes the backend out of choice.
static __always_inline bool fail(__u32 number, struct backend_state *state) {
  const __u64 now = bpf_ktime_get_ns();
  const __u32 failures = __sync_fetch_and_add(&state->failures, 1) + 1;
  if (now < state->ejected_until) return false;
  // Who is back on trial has one; where too few others are left, it is not asked each time whether there are more.
  if (!state->ejected_until && failures % FAILURES != 0) return false;
  return eject(number, state);
}

// One was answered. True where that brings the backend back.
static __always_inline bool restore(struct backend_state *state) {
  // Written only where it says something else: all processors share it.
  if (state->failures) state->failures = 0;
  if (!state->ejected_until) return false;
  state->ejections = 0;
  state->probed = 0;
  return __sync_lock_test_and_set(&state->ejected_until, 0) != 0;
}
