// IPv6 headers and the chain of extension headers.
#pragma once

#include "transport.h"

#define EXTENSION_HEADERS 8  // walked at most

enum extension {
  EXTENSION_HOP_BY_HOP = 0,
  EXTENSION_ROUTING = 43,
  EXTENSION_FRAGMENT = 44,
  EXTENSION_AUTHENTICATION = 51,
  EXTENSION_DESTINATION = 60,
  EXTENSION_MOBILITY = 135,
  EXTENSION_HOST_IDENTITY = 139,
  EXTENSION_SHIM6 = 140,
};

struct ipv6_header {
  __be32 version_flow;
  __be16 payload_length;
  __u8 next_header;
  __u8 hop_limit;
  struct address source;
  struct address destination;
};

struct extension_header {
  __u8 next_header;
  __u8 length;  // in units that depend on the header
  __be16 fragment;       // of a fragment header
  __be32 identification; // of a fragment header
};

static __always_inline bool is_extension(__u8 header) {
  switch (header) {
    case EXTENSION_HOP_BY_HOP:
    case EXTENSION_ROUTING:
    case EXTENSION_FRAGMENT:
    case EXTENSION_AUTHENTICATION:
    case EXTENSION_DESTINATION:
    case EXTENSION_MOBILITY:
    case EXTENSION_HOST_IDENTITY:
    case EXTENSION_SHIM6:
      return true;
    default:
      return false;
  }
}

static __always_inline __u32 extension_bytes(__u8 header, __u8 length) {
  if (header == EXTENSION_FRAGMENT) return 8;
  if (header == EXTENSION_AUTHENTICATION) return (length + 2) * 4;
  return (length + 1) * 8;
}

static __always_inline void set_piece(struct packet *packet, const struct extension_header *header) {
  const __u16 fragment = bpf_ntohs(header->fragment);
  packet->fragment_begin = packet->transport;
  packet->identification = header->identification;
  packet->fragment_offset = fragment & 0xfff8;
  if (packet->fragment_offset != 0) {
    packet->piece = PIECE_LATER;
  } else if (fragment & 1) {
    packet->piece = PIECE_FIRST;
  }
}

// From the header at `packet->transport`, whose kind is in `packet->key.protocol`, to the transport header.
static __noinline enum drop_reason walk_extensions(struct __sk_buff *skb, struct packet *packet) {
  for (int count = 0; count < EXTENSION_HEADERS; count++) {
    const __u8 kind = packet->key.protocol;
    if (!is_extension(kind)) return DROP_NONE;
    struct extension_header header;
    if (packet->transport + sizeof(header) > packet->end ||
        bpf_skb_load_bytes(skb, packet->transport, &header, sizeof(header)) < 0) {
      return packet->piece == PIECE_FIRST ? DROP_TINY_FRAGMENT : DROP_MALFORMED;
    }
    // The last byte before the data of a routing header counts the destinations that are still to come.
    if (kind == EXTENSION_ROUTING && (bpf_ntohs(header.fragment) & 0xff) != 0) return DROP_SOURCE_ROUTE;
    packet->key.protocol = header.next_header;
    packet->transport += extension_bytes(kind, header.length);
    if (kind != EXTENSION_FRAGMENT) continue;
    if (packet->piece != PIECE_WHOLE) return DROP_HEADER_CHAIN;
    set_piece(packet, &header);
    if (packet->piece == PIECE_LATER) return DROP_NONE;
  }
  return is_extension(packet->key.protocol) ? DROP_HEADER_CHAIN : DROP_NONE;
}

static __always_inline void set_ipv6_addresses(struct packet *packet, const struct ipv6_header *header) {
  const bool from_pod = sent_by_pod(packet);
  packet->key.local = from_pod ? header->source : header->destination;
  packet->key.peer = from_pod ? header->destination : header->source;
}

SEPARATE enum drop_reason parse_ipv6(struct __sk_buff *skb, struct packet *packet, __u32 offset) {
  if (!packet) return DROP_MALFORMED;
  struct ipv6_header header;
  if (!READ(skb, offset, &header)) return DROP_MALFORMED;
  packet->network = offset;
  if (bpf_ntohl(header.version_flow) >> 28 != 6) return DROP_MALFORMED;
  const __u32 length = bpf_ntohs(header.payload_length);
  packet->ipv6 = true;
  packet->transport = offset + sizeof(header);
  // As in IPv4: 0 for what segmentation offload will cut, and quoted packets are cut short.
  packet->end = packet->quoted || (length == 0 && skb->gso_size > 0) ? skb->len : packet->transport + length;
  if (packet->end > skb->len) return DROP_MALFORMED;
  set_ipv6_addresses(packet, &header);
  packet->key.protocol = header.next_header;
  packet->hop_limit = header.hop_limit;
  const enum drop_reason reason = walk_extensions(skb, packet);
  if (reason != DROP_NONE || packet->piece == PIECE_LATER) return reason;
  return parse_transport(skb, packet);
}
