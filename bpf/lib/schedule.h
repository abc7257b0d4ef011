// Which backend of a list a new connection goes to.
#pragma once

#include "ejection.h"

// Slots that are tried where backends are ejected or new, before the first one has it whatever it is.
#define TRIES 16
// Of them, those in turn; the rest at random, so that it does not matter how many stand side by side.
#define TRIES_IN_TURN 8
// Slots that the schedulers look at which compare; in longer lists so many from a random one on.
#define COMPARED 64
#define WHOLE 100  // percent

// All that a choice goes by.
struct choice {
  struct address hashed;  // by which a backend is found where the scheduler hashes
  __u32 service;          // number
  __u32 generation;
  __u32 slots;
  __u32 slow_start_seconds;
  __u32 avoided;  // number of a backend that has just failed; 0: none
  enum slot_list list;
  enum scheduler scheduler;
  bool ejects;
  bool probes;  // its outcome is seen, so that it may be the one that is let through to an ejected backend
};

static __always_inline __u32 hash_of(const struct address *address, __u32 salt) {
  const __u32 *words = (const __u32 *)address->bytes;
  __u32 hash = salt;
  for (int index = 0; index < 4; ++index) {
    hash = (hash ^ words[index]) * 0x9e3779b1;
    hash ^= hash >> 15;
  }
  hash *= 0x85ebca6b;
  return hash ^ hash >> 13;
}

static __always_inline bool is_hashed(const struct choice *choice) {
  return choice->scheduler == SCHEDULER_CLIENT_HASH || choice->scheduler == SCHEDULER_DESTINATION_HASH;
}

// Packets, which nobody counts, go to any slot where connections would be compared.
static __always_inline bool is_compared(const struct choice *choice) {
  return choice->scheduler >= SCHEDULER_LEAST_CONNECTIONS;
}

static __always_inline __u32 next_turn(const struct choice *choice) {
  struct service_state *state = service_state_of(choice->service);
  if (!state) return bpf_get_prandom_u32();
  return __sync_fetch_and_add(&state->turns[choice->list == LIST_LOCAL], 1);
}

static __always_inline __u32 backend_of_slot(const struct choice *choice, __u32 index) {
  return backend_in_slot(choice->service, choice->generation, choice->list, index);
}

// Percent of its share that a backend has, which grows from a tenth while its Service's slow start lasts.
static __always_inline __u32 share_of(const struct choice *choice, const struct backend *backend) {
  const __u32 lasting = choice->slow_start_seconds;
  if (!lasting || !backend || !backend->since) return WHOLE;
  const __u64 elapsed = bpf_ktime_get_ns() / NANOSECONDS_PER_SECOND - backend->since;
  if (elapsed >= lasting) return WHOLE;
  const __u32 share = elapsed * WHOLE / lasting;
  return share < WHOLE / 10 ? WHOLE / 10 : share;
}

// Whether a new backend takes this connection; by hash where clients are, since each is to move once only.
static __always_inline bool has_started(const struct choice *choice, __u32 number) {
  const __u32 share = share_of(choice, bpf_map_lookup_elem(&backends, &number));
  if (share == WHOLE) return true;
  return (is_hashed(choice) ? hash_of(&choice->hashed, number) : bpf_get_prandom_u32()) % WHOLE < share;
}

static __always_inline enum standing standing_in(const struct choice *choice, __u32 number,
                                                 struct backend_state *state) {
  if (number == choice->avoided) return STANDING_OUT;
  return choice->ejects ? standing_of(state, choice->probes) : STANDING_IN;
}

static __always_inline enum standing standing_with(const struct choice *choice, __u32 number) {
  return standing_in(choice, number, choice->ejects ? bpf_map_lookup_elem(&backend_states, &number) : 0);
}

// Whether a client goes on with the backend that affinity remembers, however new that is: slow start is for those who choose.
APART bool stays(const struct choice *choice, __u32 number) {
  return choice && standing_with(choice, number) != STANDING_OUT;
}

APART bool takes(const struct choice *choice, __u32 number) {
  if (!choice) return false;
  const enum standing standing = standing_with(choice, number);
  if (standing != STANDING_IN) return standing == STANDING_PROBED;
  return !choice->slow_start_seconds || has_started(choice, number);
}

// The slot to try. Where it is hashed each try is the same for the same address, so that others keep their backends.
static __always_inline __u32 drawn_slot(const struct choice *choice, __u32 tries) {
  if (is_hashed(choice)) return hash_of(&choice->hashed, tries) % choice->slots;
  const bool in_turn = choice->scheduler == SCHEDULER_TURNS && tries < TRIES_IN_TURN;
  return (in_turn ? next_turn(choice) : bpf_get_prandom_u32()) % choice->slots;
}

// Number of the backend; 0 where the rows are just being replaced.
APART __u32 draw(const struct choice *choice) {
  if (!choice || !choice->slots) return 0;
  __u32 first = 0;
  for (__u32 tries = 0; tries < TRIES; ++tries) {
    const __u32 number = backend_of_slot(choice, drawn_slot(choice, tries));
    if (!number) break;
    if (takes(choice, number)) return number;
    if (!first) first = number;
  }
  return first;
}

// Of backends that are compared: the connections of one for the share that it is to have.
struct load {
  __u64 open;
  __u64 share;
};

static __always_inline struct load load_of(const struct choice *choice, __u32 number,
                                           const struct backend_state *state) {
  const bool is_weighted = choice->scheduler != SCHEDULER_LEAST_CONNECTIONS;
  const bool counts_itself =
      choice->scheduler == SCHEDULER_SHORTEST_DELAY || choice->scheduler == SCHEDULER_NEVER_QUEUE;
  struct load load = {.open = (state ? state->open : 0) + counts_itself, .share = WHOLE};
  if (!is_weighted && !choice->slow_start_seconds) return load;
  const struct backend *backend = bpf_map_lookup_elem(&backends, &number);
  load.share = share_of(choice, backend);
  // Nothing open is the best there is, however new: what would come counts as well.
  if (load.share < WHOLE && !counts_itself) load.open += 1;
  if (is_weighted && backend) load.share *= backend->weight;
  return load;
}

// What was found so far.
struct comparison {
  struct load least;
  __u32 number;  // whose that is; 0: nobody takes connections
  __u32 first;   // the first that was looked at; 0: none
};

// Looks at one slot more. True where that settles it.
APART bool compare_slot(const struct choice *choice, __u32 index, struct comparison *comparison) {
  if (!choice || !comparison) return true;
  const __u32 number = backend_of_slot(choice, index);
  if (!number) return true;
  if (!comparison->first) comparison->first = number;
  struct backend_state *state = bpf_map_lookup_elem(&backend_states, &number);
  const enum standing standing = standing_in(choice, number, state);
  if (standing == STANDING_OUT) return false;
  const struct load load = load_of(choice, number, state);
  const struct load least = comparison->least;
  const bool is_idle = choice->scheduler == SCHEDULER_NEVER_QUEUE && load.open <= 1;
  const bool settles = standing == STANDING_PROBED || is_idle;
  if (!settles && comparison->number && load.open * least.share >= least.open * load.share) return false;
  comparison->least = load;
  comparison->number = number;
  return settles;
}

// Number of the backend with the fewest connections for its share; 0 where the rows are just being replaced.
APART __u32 compare(const struct choice *choice) {
  if (!choice || !choice->slots) return 0;
  const __u32 slots = choice->slots;
  const __u32 start = (slots <= COMPARED ? next_turn(choice) : bpf_get_prandom_u32()) % slots;
  struct comparison comparison = {};
  for (__u32 index = 0; index < COMPARED; ++index) {
    if (index >= slots || compare_slot(choice, (start + index) % slots, &comparison)) break;
  }
  return comparison.number ? comparison.number : comparison.first;
}

// What the rows say of a choice in the list of the match.
static __always_inline struct choice choice_of(const struct service_match *match, const struct service *service) {
  return (struct choice){
      .service = match->service,
      .generation = service->generation,
      .slots = service->slots[match->list == LIST_LOCAL],
      .slow_start_seconds = service->slow_start_seconds,
      .list = match->list,
      .scheduler = service->scheduler,
      .ejects = service->ejects,
  };
}
