// Between two judged pods of the node packets go from interface to interface, past the node's stack: its routing, netfilter,
// queues. Only flows do so whose first packet did, in both directions: conntrack has never seen them, and changes none of them.
#pragma once

#include "answer.h"
#include "pair.h"

#define PACKET_FOR_HOST 0  // PACKET_HOST of <linux/if_packet.h>

static __always_inline enum subject_state state_of(const struct packet *packet, const struct subject *subject) {
  return subject->state[packet->revision & 1];
}

static __always_inline bool has_address(const struct subject *subject, const struct packet *packet,
                                        const struct address *address) {
  if (packet->ipv6) return same_address(address, &subject->ipv6);
  return same_address(address, &subject->ipv4);
}

static __always_inline bool same_link_ends(const struct link_ends *a, const struct link_ends *b) {
  __u32 left[3];
  __u32 right[3];
  __builtin_memcpy(left, a, sizeof(left));
  __builtin_memcpy(right, b, sizeof(right));
  return left[0] == right[0] && left[1] == right[1] && left[2] == right[2];
}

// Written only where it is another one than before: many flows lead to a pod.
static __noinline void remember_link_ends(__u32 interface, const __u8 *destination, const __u8 *source) {
  struct link_ends ends;
  __builtin_memcpy(ends.destination, destination, sizeof(ends.destination));
  __builtin_memcpy(ends.source, source, sizeof(ends.source));
  const struct link_ends *known = bpf_map_lookup_elem(&link_ends, &interface);
  if (known && same_link_ends(known, &ends)) return;
  bpf_map_update_elem(&link_ends, &interface, &ends, BPF_ANY);
}

// Sets the packet's passage to the pod that has this address, if the node's route to it ends at that pod's interface.
static __noinline void find_passage(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                    const struct address *peer) {
  struct bpf_fib_lookup route = {};
  struct link_ends sent;
  packet->passage = 0;
  if (!subject->passable || find_way(skb, packet, peer, &route) != BPF_FIB_LKUP_RET_SUCCESS) return;
  const __u32 index = route.ifindex;
  const struct subject *target = bpf_map_lookup_elem(&subjects, &index);
  if (!target || !target->passable || state_of(packet, target) != SUBJECT_JUDGED) return;
  if (!has_address(target, packet, peer) || !READ(skb, 0, &sent)) return;
  remember_link_ends(packet->key.interface, sent.source, sent.destination);
  remember_link_ends(index, route.dmac, route.smac);
  packet->passage = index;
}

// Fragments, options, what is too large for the other interface or has come far enough: the stack knows what to do. Of a
// pod that went it knows who has its address now.
static __noinline bool needs_stack(struct __sk_buff *skb, const struct packet *packet) {
  const __u32 plain = packet->ipv6 ? sizeof(struct ipv6_header) : sizeof(struct ipv4_header);
  __u32 size = 0;
  return packet->piece != PIECE_WHOLE || packet->hop_limit <= 1 || packet->transport - packet->network != plain ||
         skb->pkt_type != PACKET_FOR_HOST || bpf_check_mtu(skb, packet->passage, &size, 0, BPF_MTU_CHK_SEGS) != 0;
}

// The packet as the program at the other pod's interface would meet it; a flow that it opens there has the way back.
static __always_inline void turn_packet(struct packet *packet) {
  struct flow_key *key = &packet->key;
  const __u32 came_by = key->interface;
  const struct ends ends = {.peer = key->local, .local_port = key->peer_port, .peer_port = key->local_port};
  key->local = key->peer;
  set_ends(key, &ends);
  key->covered = 0;
  key->interface = packet->passage;
  packet->direction = DIRECTION_INGRESS;
  packet->passage = came_by;
}

#define HOP_LIMIT_IPV4 22  // offsets in the frame
#define CHECKSUM_IPV4 24
#define HOP_LIMIT_IPV6 21

struct frame_head {
  __u8 bytes[26];
};

// Hands the packet to the pod at the interface as a router would: to its link address, and with a hop less.
static __noinline int hand_over(struct __sk_buff *skb, const struct packet *packet, const struct link_ends *ends) {
  struct frame_head head;
  if (!READ(skb, 0, &head)) return TC_ACT_SHOT;
  __builtin_memcpy(head.bytes, ends, sizeof(*ends));
  if (packet->ipv6) {
    head.bytes[HOP_LIMIT_IPV6] -= 1;
  } else {
    __be16 *checksum = (__be16 *)&head.bytes[CHECKSUM_IPV4];
    const __u32 sum = *checksum + bpf_htons(0x0100);
    head.bytes[HOP_LIMIT_IPV4] -= 1;
    *checksum = sum + (sum >= 0xffff);
  }
  if (bpf_skb_store_bytes(skb, 0, &head, sizeof(head), 0) != 0) return TC_ACT_SHOT;
  count(TALLY_PASSED_BY);
  return bpf_redirect_peer(packet->key.interface, 0);
}
