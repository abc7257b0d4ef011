// Fragments after the first carry no ports: they follow what the first one said.
#pragma once

#include "report.h"

#define REASSEMBLY (30 * SECOND)

static __always_inline void set_fragment_key(const struct packet *packet, struct fragment_key *key) {
  key->local = packet->key.local;
  key->peer = packet->key.peer;
  key->interface = packet->key.interface;
  key->identification = packet->identification;
  key->direction = packet->direction;
  key->protocol = packet->fragment_protocol;
  __builtin_memset(key->padding, 0, sizeof(key->padding));
}

// The first fragment was let through: those that follow it may pass. A first fragment that is dropped is not remembered,
// so nothing follows it.
static __noinline void remember_fragment(const struct packet *packet) {
  struct fragment_key key;
  set_fragment_key(packet, &key);
  const struct fragment fragment = {
      .seen = packet->now,
      .local_port = packet->key.local_port,
      .peer_port = packet->key.peer_port,
      .end = packet->end - packet->fragment_begin,
      .protocol = packet->key.protocol,
  };
  bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

// Takes protocol and ports over from the first fragment.
SEPARATE enum drop_reason follow_fragment(struct packet *packet) {
  if (!packet) return DROP_MALFORMED;
  struct fragment_key key;
  set_fragment_key(packet, &key);
  const struct fragment *first = bpf_map_lookup_elem(&fragments, &key);
  if (!first || packet->now - first->seen > REASSEMBLY) return DROP_UNKNOWN_FRAGMENT;
  if (packet->fragment_offset < first->end) return DROP_OVERLAPPING_FRAGMENT;
  packet->key.local_port = first->local_port;
  packet->key.peer_port = first->peer_port;
  packet->key.protocol = first->protocol;
  return DROP_NONE;
}
