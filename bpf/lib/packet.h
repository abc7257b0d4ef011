// What the programs know about the packet in their hands, and how bytes of it are read.
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../maps/policy.h"

#define ETHERNET_BYTES 14
#define ICMPV6_PROTOCOL 58  // the constant of <linux/in.h> is for IPv4 protocols only

// The verifier looks once at a function that is not static, for all who call it, where it follows static ones through every
// path that leads there. Such a function takes any pointer for one that may be 0, and before Linux 6.2 for none that may be a
// map's key: what it looks up it takes from the workspace.
#define SEPARATE __noinline

enum piece {
  PIECE_WHOLE = 0,
  PIECE_FIRST = 1,  // has the transport header
  PIECE_LATER = 2,
} __attribute__((packed));

enum tcp_flag {
  TCP_FIN = 1,
  TCP_SYN = 2,
  TCP_RST = 4,
  TCP_ACK = 16,
};

struct packet {
  struct flow_key key;
  __u64 now;       // ns, CLOCK_MONOTONIC
  __u32 revision;  // of the rows, read before anything else is
  __u32 network;   // offset of the IP header in the frame
  __u32 transport; // of the transport header
  __u32 end;       // offset behind the last byte of the IP packet
  __u32 fragment_begin;  // offset of what fragment offsets count from
  __u32 identification;
  __u16 fragment_offset;  // bytes
  enum direction direction;
  enum piece piece;
  __u8 fragment_protocol;  // as struct fragment_key has it
  __u8 hop_limit;
  __u8 tcp_flags;
  __u8 icmp_type;
  // Quoted by an ICMP error: cut short, and on its way in the other direction.
  bool quoted;
  bool ipv6;
  __u32 passage;  // of its flow, where the pod sent it
};

_Static_assert(sizeof(struct packet) <= WORKSPACE_BYTES, "a packet has its place");

// Nested functions have 512 bytes of stack together, so what is large stands here. It is as the last packet left it; 0 only
// where the kernel has lost the map.
static __always_inline void *workspace_of(enum workspace_part part) {
  const __u32 index = part;
  return bpf_map_lookup_elem(&workspace, &index);
}

static __always_inline struct packet *packet_in_hand(void) { return workspace_of(WORKSPACE_PACKET); }

// Headers that begin further in are not read: the verifier wants a bound on what is added to a packet pointer.
#define HEADERS_END 4096

// Where `size` bytes at `offset` of the frame are, if all of them are in its linear part.
static __always_inline const void *linear(const struct __sk_buff *skb, __u32 offset, __u32 size) {
  if (offset >= HEADERS_END) return 0;
  offset &= HEADERS_END - 1;
  const void *at = (const void *)(long)skb->data + offset;
  // Without this the compiler compares and adds in ways that the verifier can't follow.
  asm volatile("" : "+r"(at));
  return at + size <= (const void *)(long)skb->data_end ? at : 0;
}

// Copies what is at `offset_` to `*to`; false when the frame ends before. Reading the packet itself costs a fifth of what
// bpf_skb_load_bytes does, so this is for what every packet has; loops would be too much for the verifier.
#define READ(skb, offset_, to)                                                             \
  ({                                                                                       \
    const __u32 from_ = (offset_);                                                         \
    const __typeof__(*(to)) *there_ = linear((skb), from_, sizeof(*(to)));                 \
    if (!there_ && bpf_skb_pull_data((skb), from_ + sizeof(*(to))) == 0) {                 \
      there_ = linear((skb), from_, sizeof(*(to)));                                        \
    }                                                                                      \
    if (there_) *(to) = *there_;                                                           \
    there_ != 0;                                                                           \
  })

static __always_inline bool same_address(const struct address *a, const struct address *b) {
  const __u32 *left = (const __u32 *)a->bytes;
  const __u32 *right = (const __u32 *)b->bytes;
  return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3];
}

static __always_inline bool is_unspecified(const struct address *address) {
  const __u32 *words = (const __u32 *)address->bytes;
  return (words[0] | words[1] | words[2] | words[3]) == 0;
}

// fe80::/10
static __always_inline bool is_link_local(const struct address *address) {
  return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

// ff00::/8
static __always_inline bool is_multicast(const struct address *address) { return address->bytes[0] == 0xff; }

static __always_inline void map_ipv4(struct address *address, __be32 ipv4) {
  __u32 *words = (__u32 *)address->bytes;
  words[0] = 0;
  words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = ipv4;
}

static __always_inline bool sent_by_pod(const struct packet *packet) {
  return packet->direction == DIRECTION_EGRESS;
}

// A key knows sides, not who sent the packet.
static __always_inline void set_ports(struct packet *packet, __be16 source, __be16 destination) {
  packet->key.local_port = sent_by_pod(packet) ? source : destination;
  packet->key.peer_port = sent_by_pod(packet) ? destination : source;
}

static __always_inline bool has_ports(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}
