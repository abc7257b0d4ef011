// Counters and events.
#pragma once

#include <linux/pkt_cls.h>

#include "options.h"
#include "packet.h"

#define SECOND 1000000000ull
#define DENIAL_REMEMBERED (60 * SECOND)

// The verdict of the rows on a packet, or why it never came to one.
struct decision {
  __u32 rule;
  __u32 audit_rule;
  enum drop_reason reason;  // DROP_NONE: allowed
  __u8 padding[3];
};

static __noinline void count(enum tally tally) {
  const __u32 index = tally;
  struct tally_count *found = bpf_map_lookup_elem(&tallies, &index);
  if (found) found->count += 1;
}

static __always_inline void count_drop(const struct packet *packet, enum drop_reason reason) {
  const __u32 index = reason;
  struct drop_count *found = bpf_map_lookup_elem(&drop_counts, &index);
  if (found) found->packets[packet->direction & 1] += 1;
}

static __noinline void count_rule(const struct packet *packet, __u32 rule) {
  struct rule_hits *found = bpf_map_lookup_elem(&rule_hits, &rule);
  if (!found) {
    const struct rule_hits none = {.last_hit = packet->now};
    bpf_map_update_elem(&rule_hits, &rule, &none, BPF_NOEXIST);
    found = bpf_map_lookup_elem(&rule_hits, &rule);
  }
  if (!found) return;
  __sync_fetch_and_add(&found->hits, 1);
  found->last_hit = packet->now;
}

// Admitted flows have a share of their own: there are many, and none of them must keep a denial from being told. Not inlined,
// for the stack of its caller, which stands deepest.
static __noinline bool within_rate(__u64 now, enum event_kind kind) {
  const __u32 zero = 0;
  struct event_rate *rate = bpf_map_lookup_elem(&event_rates, &zero);
  if (!rate) return false;
  if (now - rate->begun >= SECOND) {
    rate->begun = now;
    rate->admissions = 0;
    rate->others = 0;
  }
  return kind == EVENT_ALLOW ? rate->admissions++ < options.admissions_per_second
                             : rate->others++ < options.events_per_second;
}

// Not inlined, so that the object's BTF describes struct policy_event. `dialled`: 0 without translation.
static __noinline void describe(struct policy_event *record, const struct packet *packet,
                                const struct decision *decision, const struct ends *dialled) {
  record->time = packet->now;
  record->local = packet->key.local;
  record->peer = packet->key.peer;
  record->local_port = packet->key.local_port;
  record->peer_port = packet->key.peer_port;
  record->interface = packet->key.interface;
  record->rule = decision->rule;
  record->audit_rule = decision->audit_rule;
  record->protocol = packet->key.protocol;
  record->tcp_flags = packet->tcp_flags;
  record->direction = packet->direction;
  record->reason = decision->reason;
  __builtin_memset(&record->dialled, 0, sizeof(record->dialled));
  record->dialled_port = 0;
  // What only gets another port of the pod is dialled as it is.
  if (dialled && (dialled->peer_port != record->peer_port || !same_address(&dialled->peer, &record->peer))) {
    record->dialled = dialled->peer;
    record->dialled_port = dialled->peer_port;
  }
  __builtin_memset(record->padding, 0, sizeof(record->padding));
}

// `dialled`: what the pod sent a translated flow to, which the packet's key tells after its translation; else 0.
static __noinline void send_event(struct __sk_buff *skb, const struct packet *packet, enum event_kind kind,
                                  const struct decision *decision, const struct ends *dialled) {
  if (!within_rate(packet->now, kind)) {
    if (kind != EVENT_ALLOW) count(TALLY_EVENTS_LIMITED);
    return;
  }
  struct policy_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
  if (!record) {
    count(TALLY_EVENTS_LOST);
    return;
  }
  describe(record, packet, decision, dialled);
  record->kind = kind;
  record->length = skb->len;
  bpf_ringbuf_submit(record, 0);
}

// A flow that goes on being denied is one event.
static __always_inline bool is_first_denial(const struct packet *packet) {
  struct denial *known = bpf_map_lookup_elem(&denials, &packet->key);
  if (known) {
    const bool again = packet->now - known->seen < DENIAL_REMEMBERED;
    known->seen = packet->now;
    return !again;
  }
  const struct denial seen = {.seen = packet->now};
  bpf_map_update_elem(&denials, &packet->key, &seen, BPF_ANY);
  return true;
}

SEPARATE int drop(struct __sk_buff *skb, const struct decision *decision, const struct ends *dialled) {
  const struct packet *packet = packet_in_hand();
  if (!packet || !decision) return TC_ACT_SHOT;
  count_drop(packet, decision->reason);
  if (decision->rule != 0) count_rule(packet, decision->rule);
  if (is_first_denial(packet)) send_event(skb, packet, EVENT_DROP, decision, dialled);
  return TC_ACT_SHOT;
}

static __always_inline int drop_because(struct __sk_buff *skb, enum drop_reason reason) {
  const struct decision decision = {.reason = reason};
  return drop(skb, &decision, 0);
}
