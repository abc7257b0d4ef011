// Transport headers: ports, TCP flags, ICMP types.
#pragma once

#include "packet.h"

#define ICMP_SENT 0xffff  // the other side's port of ICMP that is no echo

struct transport_bytes {
  __be16 words[4];
};

// Echo requests carry their identifier on the side that asks, replies on the other.
static __always_inline void set_icmp_ports(struct packet *packet, const struct transport_bytes *header, __u8 request,
                                           __u8 reply) {
  packet->icmp_type = bpf_ntohs(header->words[0]) >> 8;
  if (packet->icmp_type == request) {
    set_ports(packet, header->words[2], 0);
  } else if (packet->icmp_type == reply) {
    set_ports(packet, 0, header->words[2]);
  } else {
    set_ports(packet, header->words[0], bpf_htons(ICMP_SENT));
  }
}

// Bytes that a transport header has at least, or that of a quoted packet.
static __always_inline __u32 transport_minimum(const struct packet *packet) {
  if (packet->quoted) return 8;
  switch (packet->key.protocol) {
    case IPPROTO_TCP:
      return 20;
    case IPPROTO_SCTP:
      return 12;
    default:
      return 8;
  }
}

static __always_inline bool is_icmp(const struct packet *packet) {
  return packet->key.protocol == (packet->ipv6 ? ICMPV6_PROTOCOL : IPPROTO_ICMP);
}

static __always_inline bool is_icmp_error(const struct packet *packet) {
  if (!is_icmp(packet) || packet->piece == PIECE_LATER) return false;
  const __u8 type = packet->icmp_type;
  if (packet->ipv6) return type >= 1 && type <= 4;
  return type == 3 || type == 11 || type == 12;
}

static __always_inline bool is_echo_request(const struct packet *packet) {
  return is_icmp(packet) && packet->icmp_type == (packet->ipv6 ? 128 : 8);
}

// Reads the transport header of a packet that has one; other protocols have neither ports nor flags.
static __noinline enum drop_reason parse_transport(struct __sk_buff *skb, struct packet *packet) {
  const bool icmp = is_icmp(packet);
  if (!icmp && !has_ports(packet->key.protocol)) return DROP_NONE;
  struct transport_bytes header;
  if (packet->transport + transport_minimum(packet) > packet->end ||
      !READ(skb, packet->transport, &header)) {
    return packet->piece == PIECE_FIRST ? DROP_TINY_FRAGMENT : DROP_MALFORMED;
  }
  if (icmp) {
    set_icmp_ports(packet, &header, packet->ipv6 ? 128 : 8, packet->ipv6 ? 129 : 0);
    return DROP_NONE;
  }
  set_ports(packet, header.words[0], header.words[1]);
  if (packet->key.protocol != IPPROTO_TCP || packet->quoted) return DROP_NONE;
  if (!READ(skb, packet->transport + 13, &packet->tcp_flags)) return DROP_MALFORMED;
  return DROP_NONE;
}
