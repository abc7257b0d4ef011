// Answers to denied packets, where they are asked for: the sender learns at once instead of waiting (a RST for TCP, ICMP
// port unreachable for the rest). The denied packet itself is turned into its answer and sent back.
#pragma once

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include "ipv4.h"
#include "ipv6.h"
#include "options.h"

#define TCP_BYTES 20
#define ICMP_BYTES 8
#define QUOTED_BYTES 8  // of the denied packet, behind its IP header
#define HOPS 64
#define ADDRESS_FAMILY_IPV4 2
#define ADDRESS_FAMILY_IPV6 10

struct tcp_header {
  __be16 source;
  __be16 destination;
  __be32 sequence;
  __be32 acknowledgement;
  __u8 length;  // in the upper half, in words
  __u8 flags;
  __be16 window;
  __be16 checksum;
  __be16 urgent;
};

struct icmp_header {
  __u8 type;
  __u8 code;
  __be16 checksum;
  __be32 unused;
};

static __always_inline __be16 folded(__u64 sum) {
  for (int round = 0; round < 4; round++) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

struct pseudo_header {
  struct address ends[2];
  __be32 size;
  __be32 protocol;
};

// The checksum of `size` bytes, with the pseudo header of the packet's two ends (the order of these does not count).
static __always_inline __be16 checksum_with_ends(const struct packet *packet, __u8 protocol, const void *bytes,
                                                 __u32 size) {
  struct pseudo_header pseudo = {
      .ends = {packet->key.local, packet->key.peer},
      .size = bpf_htonl(size),
      .protocol = bpf_htonl(protocol),
  };
  if (!packet->ipv6) {
    // IPv4 headers do not have the bytes that mapped addresses begin with.
    ((__u32 *)pseudo.ends[0].bytes)[2] = 0;
    ((__u32 *)pseudo.ends[1].bytes)[2] = 0;
  }
  const __s64 ends = bpf_csum_diff(0, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
  return folded(bpf_csum_diff(0, 0, (__be32 *)bytes, size, ends));
}

// The denied packet's addresses change places.
static __always_inline bool write_ipv4_header(struct __sk_buff *skb, const struct packet *packet, __u8 protocol,
                                              __u32 size) {
  const struct address *source = sent_by_pod(packet) ? &packet->key.peer : &packet->key.local;
  const struct address *destination = sent_by_pod(packet) ? &packet->key.local : &packet->key.peer;
  struct ipv4_header header = {
      .version_length = 0x45,
      .total_length = bpf_htons(sizeof(header) + size),
      .hop_limit = HOPS,
      .protocol = protocol,
      .source = ((const __be32 *)source->bytes)[3],
      .destination = ((const __be32 *)destination->bytes)[3],
  };
  header.checksum = folded(bpf_csum_diff(0, 0, (__be32 *)&header, sizeof(header), 0));
  return bpf_skb_store_bytes(skb, ETHERNET_BYTES, &header, sizeof(header), 0) == 0;
}

static __always_inline bool write_ipv6_header(struct __sk_buff *skb, const struct packet *packet, __u8 protocol,
                                              __u32 size) {
  const struct ipv6_header header = {
      .version_flow = bpf_htonl(6u << 28),
      .payload_length = bpf_htons(size),
      .next_header = protocol,
      .hop_limit = HOPS,
      .source = sent_by_pod(packet) ? packet->key.peer : packet->key.local,
      .destination = sent_by_pod(packet) ? packet->key.local : packet->key.peer,
  };
  return bpf_skb_store_bytes(skb, ETHERNET_BYTES, &header, sizeof(header), 0) == 0;
}

static __noinline bool write_ip_header(struct __sk_buff *skb, const struct packet *packet, __u8 protocol, __u32 size) {
  return packet->ipv6 ? write_ipv6_header(skb, packet, protocol, size)
                      : write_ipv4_header(skb, packet, protocol, size);
}

static __always_inline __u32 ip_bytes(const struct packet *packet) {
  return packet->ipv6 ? sizeof(struct ipv6_header) : sizeof(struct ipv4_header);
}

static __noinline bool become_reset(struct __sk_buff *skb, const struct packet *packet) {
  struct tcp_header denied;
  if (!READ(skb, packet->transport, &denied)) return false;
  const __u32 length = packet->end - packet->transport - (denied.length >> 4) * 4;
  // SYN and FIN count as a byte each.
  const __u32 bytes = length + ((denied.flags & TCP_SYN) != 0) + (denied.flags & TCP_FIN);
  const bool numbered = denied.flags & TCP_ACK;
  struct tcp_header reset = {
      .source = denied.destination,
      .destination = denied.source,
      .sequence = numbered ? denied.acknowledgement : 0,
      .acknowledgement = numbered ? 0 : bpf_htonl(bpf_ntohl(denied.sequence) + bytes),
      .length = TCP_BYTES / 4 << 4,
      .flags = numbered ? TCP_RST : TCP_RST | TCP_ACK,
  };
  reset.checksum = checksum_with_ends(packet, IPPROTO_TCP, &reset, sizeof(reset));
  const __u32 begin = ETHERNET_BYTES + ip_bytes(packet);
  return bpf_skb_change_tail(skb, begin + sizeof(reset), 0) == 0 &&
         bpf_skb_store_bytes(skb, begin, &reset, sizeof(reset), 0) == 0 &&
         write_ip_header(skb, packet, IPPROTO_TCP, sizeof(reset));
}

struct unreachable_ipv4 {
  struct icmp_header header;
  __u8 quoted[sizeof(struct ipv4_header) + QUOTED_BYTES];
};

struct unreachable_ipv6 {
  struct icmp_header header;
  __u8 quoted[sizeof(struct ipv6_header) + QUOTED_BYTES];
};

static __noinline bool become_unreachable_ipv4(struct __sk_buff *skb, const struct packet *packet) {
  struct unreachable_ipv4 answer = {.header = {.type = 3, .code = 3}};
  if (bpf_skb_load_bytes(skb, ETHERNET_BYTES, answer.quoted, sizeof(answer.quoted)) < 0) return false;
  answer.header.checksum = folded(bpf_csum_diff(0, 0, (__be32 *)&answer, sizeof(answer), 0));
  const __u32 begin = ETHERNET_BYTES + sizeof(struct ipv4_header);
  return bpf_skb_change_tail(skb, begin + sizeof(answer), 0) == 0 &&
         bpf_skb_store_bytes(skb, begin, &answer, sizeof(answer), 0) == 0 &&
         write_ip_header(skb, packet, IPPROTO_ICMP, sizeof(answer));
}

static __noinline bool become_unreachable_ipv6(struct __sk_buff *skb, const struct packet *packet) {
  struct unreachable_ipv6 answer = {.header = {.type = 1, .code = 4}};
  if (bpf_skb_load_bytes(skb, ETHERNET_BYTES, answer.quoted, sizeof(answer.quoted)) < 0) return false;
  answer.header.checksum = checksum_with_ends(packet, ICMPV6_PROTOCOL, &answer, sizeof(answer));
  const __u32 begin = ETHERNET_BYTES + sizeof(struct ipv6_header);
  return bpf_skb_change_tail(skb, begin + sizeof(answer), 0) == 0 &&
         bpf_skb_store_bytes(skb, begin, &answer, sizeof(answer), 0) == 0 &&
         write_ip_header(skb, packet, ICMPV6_PROTOCOL, sizeof(answer));
}

// Nobody answers what is an answer itself, or was for many.
static __always_inline bool wants_answer(const struct packet *packet) {
  if (packet->piece != PIECE_WHOLE || is_multicast(&packet->key.peer)) return false;
  if (packet->key.protocol == IPPROTO_TCP) return !(packet->tcp_flags & TCP_RST);
  return !is_icmp(packet) || is_echo_request(packet);
}

static __always_inline bool swap_link_addresses(struct __sk_buff *skb) {
  __u8 ends[12];
  __u8 swapped[12];
  if (bpf_skb_load_bytes(skb, 0, ends, sizeof(ends)) < 0) return false;
  __builtin_memcpy(swapped, ends + 6, 6);
  __builtin_memcpy(swapped + 6, ends, 6);
  return bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0) == 0;
}

// Asks where the node sends what comes from the packet's pod.
static __always_inline long find_way(struct __sk_buff *skb, const struct packet *packet, const struct address *peer,
                                     struct bpf_fib_lookup *route) {
  route->ifindex = packet->key.interface;
  if (packet->ipv6) {
    route->family = ADDRESS_FAMILY_IPV6;
    __builtin_memcpy(route->ipv6_src, &packet->key.local, sizeof(route->ipv6_src));
    __builtin_memcpy(route->ipv6_dst, peer, sizeof(route->ipv6_dst));
  } else {
    route->family = ADDRESS_FAMILY_IPV4;
    route->ipv4_src = ((const __be32 *)packet->key.local.bytes)[3];
    route->ipv4_dst = ((const __be32 *)peer->bytes)[3];
  }
  return bpf_fib_lookup(skb, route, sizeof(*route), 0);
}

// Out by the interface that leads to the peer.
static __noinline int send_to_peer(struct __sk_buff *skb, const struct packet *packet) {
  struct bpf_fib_lookup route = {};
  const long found = find_way(skb, packet, &packet->key.peer, &route);
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) return TC_ACT_SHOT;
  return bpf_redirect_neigh(route.ifindex, 0, 0, 0);
}

// Sends the answer to a denied packet; where it can't be made the packet is dropped without one.
SEPARATE int answer(struct __sk_buff *skb, const struct packet *packet) {
  if (!packet) return TC_ACT_SHOT;
  if (!wants_answer(packet)) return TC_ACT_SHOT;
  const bool made = packet->key.protocol == IPPROTO_TCP ? become_reset(skb, packet)
                    : packet->ipv6                      ? become_unreachable_ipv6(skb, packet)
                                                        : become_unreachable_ipv4(skb, packet);
  if (!made) return TC_ACT_SHOT;
  if (!sent_by_pod(packet)) return send_to_peer(skb, packet);
  return swap_link_addresses(skb) ? bpf_redirect(skb->ifindex, 0) : TC_ACT_SHOT;
}
