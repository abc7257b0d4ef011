// What pods and their surroundings tell each other on the link: ARP, neighbour discovery, multicast listeners. No policy
// applies to it, but nobody may speak for somebody else.
#pragma once

#include "answer.h"
#include "report.h"

enum neighbour_message {
  MULTICAST_LISTENER_QUERY = 130,
  MULTICAST_LISTENER_REPORT = 131,
  MULTICAST_LISTENER_DONE = 132,
  ROUTER_SOLICITATION = 133,
  ROUTER_ADVERTISEMENT = 134,
  NEIGHBOUR_SOLICITATION = 135,
  NEIGHBOUR_ADVERTISEMENT = 136,
  REDIRECT = 137,
  MULTICAST_LISTENER_REPORT_2 = 143,
};

#define LINK_SCOPE 2  // of multicast addresses; larger ones reach further

enum link_local_answer {
  LINK_LOCAL_NOT = 0,  // ordinary traffic: go on
  LINK_LOCAL_PASS = 1,
  LINK_LOCAL_ROGUE_ROUTER = 2,
  LINK_LOCAL_SPOOFED = 3,
} __attribute__((packed));

struct arp_packet {
  __be16 hardware;
  __be16 protocol;
  __u8 hardware_bytes;
  __u8 protocol_bytes;
  __be16 operation;
  __u8 sender[6];
  __u8 sender_address[4];
  __u8 target[6];
  __u8 target_address[4];
};

// True unless a pod claims an IPv4 address that is not its own; 0.0.0.0 asks whether somebody has an address.
static __noinline bool arp_is_honest(struct __sk_buff *skb, const struct subject *subject) {
  struct arp_packet arp;
  struct address claimed;
  __u32 sender;
  if (bpf_skb_load_bytes(skb, ETHERNET_BYTES, &arp, sizeof(arp)) < 0) return false;
  __builtin_memcpy(&sender, arp.sender_address, sizeof(sender));
  map_ipv4(&claimed, sender);
  return sender == 0 || same_address(&claimed, &subject->ipv4);
}

// A neighbour advertisement of a pod is about an address of its own; link-local ones are nobody's but the link's.
static __always_inline bool advertises_itself(struct __sk_buff *skb, const struct packet *packet,
                                              const struct subject *subject) {
  struct address target;
  if (bpf_skb_load_bytes(skb, packet->transport + 8, &target, sizeof(target)) < 0) return false;
  return is_link_local(&target) || same_address(&target, &subject->ipv6);
}

// Asks where the node sends packets for an IPv6 address of the pod's surroundings.
static __noinline long find_route(struct __sk_buff *skb, const struct address *destination,
                                  struct bpf_fib_lookup *route) {
  __builtin_memset(route, 0, sizeof(*route));
  route->family = ADDRESS_FAMILY_IPV6;
  route->ifindex = skb->ifindex;
  __builtin_memcpy(route->ipv6_dst, destination, sizeof(*destination));
  return bpf_fib_lookup(skb, route, sizeof(*route), 0);
}

static __always_inline bool leads_on(long found) {
  return found == BPF_FIB_LKUP_RET_SUCCESS || found == BPF_FIB_LKUP_RET_NO_NEIGH;
}

// True unless the node would route a packet of the pod to the address: it is the node's own, nobody's, or of the pod's own
// link, which the pod's address tells.
static __noinline bool is_on_link(struct __sk_buff *skb, const struct address *destination, const struct subject *subject) {
  struct bpf_fib_lookup theirs;
  struct bpf_fib_lookup own;
  if (!leads_on(find_route(skb, destination, &theirs))) return true;
  // A route by a gateway has put that in the place of the destination.
  if (!same_address((const struct address *)theirs.ipv6_dst, destination)) return false;
  return leads_on(find_route(skb, &subject->ipv6, &own)) && own.ifindex == theirs.ifindex;
}

// Hosts that are no neighbours get nothing of what is said on the link, and routers pass none of it on.
static __always_inline bool is_for_link(struct __sk_buff *skb, const struct packet *packet,
                                        const struct subject *subject) {
  if (packet->hop_limit != 255) return false;
  if (!sent_by_pod(packet)) return true;
  const struct address *destination = &packet->key.peer;
  if (is_multicast(destination)) return (destination->bytes[1] & 0xf) <= LINK_SCOPE;
  return is_link_local(destination) || is_on_link(skb, destination, subject);
}

static __always_inline enum link_local_answer answer_neighbour(struct __sk_buff *skb, const struct packet *packet,
                                                               const struct subject *subject) {
  const bool from_pod = sent_by_pod(packet);
  const struct address *source = from_pod ? &packet->key.local : &packet->key.peer;
  const struct address *destination = from_pod ? &packet->key.peer : &packet->key.local;
  const bool own = same_address(source, &subject->ipv6);
  const bool honest = !from_pod || own || is_link_local(source) || is_unspecified(source);
  switch (packet->icmp_type) {
    case ROUTER_ADVERTISEMENT:
    case REDIRECT:
      return from_pod ? LINK_LOCAL_ROGUE_ROUTER : packet->hop_limit == 255 ? LINK_LOCAL_PASS : LINK_LOCAL_NOT;
    case ROUTER_SOLICITATION:
    case NEIGHBOUR_SOLICITATION:
      if (!is_for_link(skb, packet, subject)) return LINK_LOCAL_NOT;
      return honest ? LINK_LOCAL_PASS : LINK_LOCAL_SPOOFED;
    case NEIGHBOUR_ADVERTISEMENT:
      if (!is_for_link(skb, packet, subject)) return LINK_LOCAL_NOT;
      return !from_pod || (honest && advertises_itself(skb, packet, subject)) ? LINK_LOCAL_PASS : LINK_LOCAL_SPOOFED;
    case MULTICAST_LISTENER_QUERY:
    case MULTICAST_LISTENER_REPORT:
    case MULTICAST_LISTENER_DONE:
    case MULTICAST_LISTENER_REPORT_2:
      if (packet->hop_limit != 1 || !is_multicast(destination)) return LINK_LOCAL_NOT;
      return honest ? LINK_LOCAL_PASS : LINK_LOCAL_SPOOFED;
    default:
      return LINK_LOCAL_NOT;
  }
}

// Judges what belongs to the link. Router advertisements from pods would have neighbours send their packets to the pod.
static __noinline enum link_local_answer answer_link_local(struct __sk_buff *skb, const struct packet *packet,
                                                           const struct subject *subject) {
  if (!packet->ipv6 || packet->piece == PIECE_LATER) return LINK_LOCAL_NOT;
  if (packet->key.protocol == ICMPV6_PROTOCOL) return answer_neighbour(skb, packet, subject);
  const bool dhcp_reply = packet->key.protocol == IPPROTO_UDP && packet->key.local_port == bpf_htons(547) &&
                          packet->key.peer_port == bpf_htons(546);
  return dhcp_reply && sent_by_pod(packet) ? LINK_LOCAL_ROGUE_ROUTER : LINK_LOCAL_NOT;
}
