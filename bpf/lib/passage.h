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

// Sets the packet's passage to the pod that has this address, if the node's route to it ends at that pod's interface.
static __noinline void find_passage(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                    const struct address *peer) {
  struct bpf_fib_lookup route = {};
  packet->passage.interface = 0;
  if (!subject->passable || find_way(skb, packet, peer, &route) != BPF_FIB_LKUP_RET_SUCCESS) return;
  const __u32 index = route.ifindex;
  const struct subject *target = bpf_map_lookup_elem(&subjects, &index);
  if (!target || !target->passable || state_of(packet, target) != SUBJECT_JUDGED) return;
  if (!has_address(target, packet, peer)) return;
  packet->passage.interface = index;
  __builtin_memcpy(packet->passage.link_ends, route.dmac, 6);
  __builtin_memcpy(packet->passage.link_ends + 6, route.smac, 6);
}

// Fragments, options, what is too large for the other interface or has come far enough: the stack knows what to do. Of a
// pod that went it knows who has its address now.
static __noinline bool needs_stack(struct __sk_buff *skb, const struct packet *packet) {
  const __u32 plain = packet->ipv6 ? sizeof(struct ipv6_header) : sizeof(struct ipv4_header);
  __u32 size = 0;
  return packet->piece != PIECE_WHOLE || packet->hop_limit <= 1 || packet->transport - packet->network != plain ||
         skb->pkt_type != PACKET_FOR_HOST || bpf_check_mtu(skb, packet->passage.interface, &size, 0, BPF_MTU_CHK_SEGS) != 0;
}

// The packet as the program at the other pod's interface would meet it; a flow that it opens there has the way back. False
// where the frame can't be read.
static __noinline bool turn_packet(struct __sk_buff *skb, struct packet *packet) {
  struct flow_key *key = &packet->key;
  struct {
    __u8 destination[6];
    __u8 source[6];
  } link;
  if (!READ(skb, 0, &link)) return false;
  const struct ends ends = {.peer = key->local, .local_port = key->peer_port, .peer_port = key->local_port};
  key->local = key->peer;
  set_ends(key, &ends);
  key->covered = 0;
  key->interface = packet->passage.interface;
  packet->direction = DIRECTION_INGRESS;
  packet->passage.interface = skb->ifindex;
  __builtin_memcpy(packet->passage.link_ends, link.source, 6);
  __builtin_memcpy(packet->passage.link_ends + 6, link.destination, 6);
  return true;
}

#define HOP_LIMIT_IPV4 22  // offsets in the frame
#define CHECKSUM_IPV4 24
#define HOP_LIMIT_IPV6 21

struct frame_head {
  __u8 bytes[26];
};

// Hands the packet to the pod as a router would: to its link address, and with a hop less.
static __noinline int hand_over(struct __sk_buff *skb, const struct packet *packet, const struct passage *passage) {
  struct frame_head head;
  if (!READ(skb, 0, &head)) return TC_ACT_SHOT;
  __builtin_memcpy(head.bytes, passage->link_ends, sizeof(passage->link_ends));
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
  return bpf_redirect_peer(passage->interface, 0);
}
