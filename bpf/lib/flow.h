// The flow table.
#pragma once

#include <linux/errno.h>

#include "judge.h"

#define REFRESH (SECOND / 4)  // how stale `last_seen` may be: most packets then write no shared line for it

_Static_assert(sizeof(struct flow) <= WORKSPACE_BYTES, "a flow has its place");

static __always_inline __u64 lifetime(__u8 protocol, enum flow_state state) {
  if (protocol != IPPROTO_TCP) {
    return (state == FLOW_OPENING ? options.other_opening_seconds : options.other_established_seconds) * SECOND;
  }
  if (state == FLOW_OPENING) return options.tcp_opening_seconds * SECOND;
  return (state == FLOW_CLOSING ? options.tcp_closing_seconds : options.tcp_established_seconds) * SECOND;
}

static __always_inline bool has_ended(const struct flow_key *key, const struct flow *flow, __u64 now) {
  return now > flow->last_seen && now - flow->last_seen > lifetime(key->protocol, flow->state);
}

static __always_inline bool opens_tcp(const struct packet *packet) {
  return packet->key.protocol == IPPROTO_TCP && (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

// A SYN on a known flow is a repetition as long as nobody answered the first; else the ports are used again.
static __always_inline bool opens_again(const struct packet *packet, const struct flow *flow) {
  return opens_tcp(packet) && (flow->state != FLOW_OPENING || flow->direction != packet->direction);
}

// The flow goes on with this packet. Both sides of a pod that is its own peer send by the same way, so the caller tells.
static __always_inline void advance(const struct __sk_buff *skb, const struct packet *packet, struct flow *flow,
                                    bool reply) {
  if (packet->now - flow->last_seen > REFRESH) flow->last_seen = packet->now;
  __sync_fetch_and_add(&flow->packets[reply], 1);
  __sync_fetch_and_add(&flow->bytes[reply], skb->len);
  if (packet->key.protocol == IPPROTO_TCP && packet->tcp_flags & (TCP_FIN | TCP_RST)) {
    flow->state = FLOW_CLOSING;
  } else if (reply && flow->state == FLOW_OPENING) {
    flow->state = FLOW_ESTABLISHED;
  }
}

// Takes a place in the table, as far as there is one and the pod has a share left. 0, -EEXIST or another error.
static __always_inline int insert_flow(const struct flow_key *key, const struct flow *flow) {
  struct usage *used = bpf_map_lookup_elem(&usages, &key->interface);
  if (used && options.flows_per_subject != 0 && used->flows >= options.flows_per_subject) {
    count(TALLY_SHARE_FULL);
    return -ENOSPC;
  }
  // Before Linux 6.4 only the lower half of what a map answers says something.
  const int failure = bpf_map_update_elem(&flows, key, flow, BPF_NOEXIST);
  if (failure == 0) {
    if (used) __sync_fetch_and_add(&used->flows, 1);
  } else if (failure != -EEXIST) {
    count(TALLY_TABLE_FULL);
  }
  return failure;
}

// False if it was gone already.
static __always_inline bool remove_flow(const struct flow_key *key) {
  if (bpf_map_delete_elem(&flows, key) != 0) return false;
  struct usage *used = bpf_map_lookup_elem(&usages, &key->interface);
  // Flows that another build's programs made may not have been counted.
  if (used && used->flows != 0) __sync_fetch_and_add(&used->flows, -1);
  return true;
}
