// ICMP errors belong to the flow whose packet they quote.
#pragma once

#include "flow.h"
#include "ipv4.h"
#include "ipv6.h"

static __always_inline bool is_icmp_error(const struct packet *packet) {
  if (!is_icmp(packet) || packet->piece == PIECE_LATER) return false;
  const __u8 type = packet->icmp_type;
  if (packet->ipv6) return type >= 1 && type <= 4;
  return type == 3 || type == 11 || type == 12;
}

// True if the packet is an ICMP error about a packet that a known flow sent the other way. It must be for the same pod. To
// the pod any router on the way may have sent it; what the pod sends goes to the flow's other end and nowhere else.
static __noinline bool is_related(struct __sk_buff *skb, const struct packet *packet) {
  struct packet quoted = {
      .now = packet->now,
      .direction = sent_by_pod(packet) ? DIRECTION_INGRESS : DIRECTION_EGRESS,
      .quoted = true,
  };
  quoted.key.interface = packet->key.interface;
  const __u32 offset = packet->transport + 8;
  const enum drop_reason reason = packet->ipv6 ? parse_ipv6(skb, &quoted, offset) : parse_ipv4(skb, &quoted, offset);
  if (reason != DROP_NONE || quoted.piece == PIECE_LATER) return false;
  if (!same_address(&quoted.key.local, &packet->key.local)) return false;
  if (sent_by_pod(packet) && !same_address(&quoted.key.peer, &packet->key.peer)) return false;
  const struct flow *known = bpf_map_lookup_elem(&flows, &quoted.key);
  return known && !has_ended(&quoted.key, known, packet->now);
}
