// Other addresses and ports for a packet, and for one that an ICMP error quotes. Every checksum over them is changed by the
// difference, so one that was wrong stays wrong, and one that is still to be computed comes out right.
#pragma once

#include "crc32c.h"
#include "transport.h"

#define UDP_CHECKSUM 6
#define TCP_CHECKSUM 16
#define ICMP_CHECKSUM 2
#define SCTP_CHECKSUM 8
#define IPV4_CHECKSUM 10
#define IPV4_ADDRESSES 12
#define IPV6_ADDRESSES 8

// As they stand in the headers, one behind the other.
struct tuple {
  struct address source;
  struct address destination;
  __be16 source_port;
  __be16 destination_port;
};

// How a packet's tuple is changed.
struct change {
  struct tuple before;
  struct tuple after;
};

_Static_assert(sizeof(struct change) <= WORKSPACE_BYTES, "a change has its place");

static __always_inline void set_tuple(struct tuple *tuple, const struct address *local, const struct ends *ends,
                                           bool from_pod) {
  tuple->source = from_pod ? *local : ends->peer;
  tuple->destination = from_pod ? ends->peer : *local;
  tuple->source_port = from_pod ? ends->local_port : ends->peer_port;
  tuple->destination_port = from_pod ? ends->peer_port : ends->local_port;
}

static __always_inline __be32 ports_of(const struct tuple *tuple) {
  return *(const __be32 *)&tuple->source_port;
}

static __always_inline __u64 addresses_difference(const struct change *change) {
  return bpf_csum_diff((__be32 *)&change->before, 32, (__be32 *)&change->after, 32, 0);
}

static __always_inline bool write_addresses(struct __sk_buff *skb, const struct packet *packet,
                                            const struct change *change, __u64 difference) {
  if (packet->ipv6) return bpf_skb_store_bytes(skb, packet->network + IPV6_ADDRESSES, &change->after, 32, 0) == 0;
  const __be32 pair[2] = {
      ((const __be32 *)change->after.source.bytes)[3],
      ((const __be32 *)change->after.destination.bytes)[3],
  };
  return bpf_l3_csum_replace(skb, packet->network + IPV4_CHECKSUM, 0, difference, 0) == 0 &&
         bpf_skb_store_bytes(skb, packet->network + IPV4_ADDRESSES, pair, sizeof(pair), 0) == 0;
}

static __always_inline bool write_ports(struct __sk_buff *skb, const struct packet *packet, const struct change *change,
                                        __u32 checksum, __u64 flags) {
  const __be32 before = ports_of(&change->before);
  const __be32 after = ports_of(&change->after);
  return before == after ||
         (bpf_l4_csum_replace(skb, checksum, before, after, flags | sizeof(after)) == 0 &&
          bpf_skb_store_bytes(skb, packet->transport, &after, sizeof(after), 0) == 0);
}

// A checksum of 0 is still to be computed, by the interface that sends the packet.
static __always_inline bool write_sctp_ports(struct __sk_buff *skb, const struct packet *packet,
                                             const struct change *change) {
  const __be32 after = ports_of(&change->after);
  const __be32 difference = ports_of(&change->before) ^ after;
  const __u32 at = packet->transport + SCTP_CHECKSUM;
  __u32 checksum;
  if (difference == 0) return true;
  // The checksum is over the whole, of which the first fragment does not tell the length.
  if (packet->piece != PIECE_WHOLE || bpf_skb_load_bytes(skb, at, &checksum, sizeof(checksum)) < 0) return false;
  if (checksum != 0) {
    checksum ^= crc32c_difference(difference, packet->end - packet->transport);
    if (bpf_skb_store_bytes(skb, at, &checksum, sizeof(checksum), 0) != 0) return false;
  }
  return bpf_skb_store_bytes(skb, packet->transport, &after, sizeof(after), 0) == 0;
}

// False where the packet can't be changed; it is spoilt then. Later fragments have addresses only.
static __noinline bool rewrite(struct __sk_buff *skb, const struct packet *packet, const struct change *change) {
  const __u64 difference = addresses_difference(change);
  if (!write_addresses(skb, packet, change, difference)) return false;
  if (packet->piece == PIECE_LATER) return true;
  const __u8 protocol = packet->key.protocol;
  if (protocol == ICMPV6_PROTOCOL && packet->ipv6) {
    const __u32 checksum = packet->transport + ICMP_CHECKSUM;
    return bpf_l4_csum_replace(skb, checksum, 0, difference, BPF_F_PSEUDO_HDR) == 0;
  }
  if (protocol == IPPROTO_SCTP) return write_sctp_ports(skb, packet, change);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return true;
  const __u32 checksum = packet->transport + (protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  // A UDP checksum of 0 is none.
  const __u64 flags = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
  return bpf_l4_csum_replace(skb, checksum, 0, difference, flags | BPF_F_PSEUDO_HDR) == 0 &&
         write_ports(skb, packet, change, checksum, flags);
}

// Of a packet that the ICMP error `error` quotes. Its transport checksum stays: too little is quoted to verify one.
static __noinline bool rewrite_quoted(struct __sk_buff *skb, const struct packet *error, const struct packet *quoted,
                                      const struct change *change) {
  const __u32 checksum = error->transport + ICMP_CHECKSUM;
  const __u64 difference = addresses_difference(change);
  // The sum over an IPv4 header stays what it was, since that has a checksum of its own.
  if (quoted->ipv6 && bpf_l4_csum_replace(skb, checksum, 0, difference, 0) != 0) return false;
  return write_addresses(skb, quoted, change, difference) &&
         (!has_ports(quoted->key.protocol) || write_ports(skb, quoted, change, checksum, 0));
}
