// ICMP errors belong to the flow whose packet they quote.
#pragma once

#include "ipv4.h"
#include "ipv6.h"
#include "pair.h"

// The entry of the flow that an ICMP error is about; 0 if it is about none. Its sender got the packet that it quotes, which
// therefore went the other way. It must be for the same pod. To the pod any router on the way may have sent it; what the pod
// sends goes to the flow's other end and nowhere else.
static __noinline struct flow *find_related(struct __sk_buff *skb, const struct packet *packet, struct packet *quoted) {
  *quoted = (struct packet){
      .key = {.interface = packet->key.interface},
      .now = packet->now,
      .direction = sent_by_pod(packet) ? DIRECTION_INGRESS : DIRECTION_EGRESS,
      .quoted = true,
  };
  const __u32 offset = packet->transport + 8;
  const enum drop_reason reason = packet->ipv6 ? parse_ipv6(skb, quoted, offset) : parse_ipv4(skb, quoted, offset);
  if (reason != DROP_NONE || quoted->piece == PIECE_LATER) return 0;
  if (!same_address(&quoted->key.local, &packet->key.local)) return 0;
  if (sent_by_pod(packet) && !same_address(&quoted->key.peer, &packet->key.peer)) return 0;
  struct flow *entry = find_entry(&quoted->key, packet->direction);
  const struct flow *flow = entry ? find_flow(&quoted->key, entry) : 0;
  if (!flow || has_ended(&quoted->key, flow, packet->now)) return 0;
  quoted->passage = flow->passage;
  return entry;
}
