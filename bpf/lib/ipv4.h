// IPv4 headers.
#pragma once

#include "transport.h"

#define IPV4_OPTIONS 20  // walked at most; more do not fit unless they are padding

struct ipv4_header {
  __u8 version_length;
  __u8 service;
  __be16 total_length;
  __be16 identification;
  __be16 fragment;
  __u8 hop_limit;
  __u8 protocol;
  __be16 checksum;
  __be32 source;
  __be32 destination;
};

// Options may name further destinations, which would get the packet past the verdict for this one.
static __noinline enum drop_reason check_ipv4_options(struct __sk_buff *skb, __u32 begin, __u32 end) {
  __u32 at = begin;
  for (int count = 0; count < IPV4_OPTIONS; count++) {
    __u8 kind;
    __u8 length;
    if (at >= end) return DROP_NONE;
    if (bpf_skb_load_bytes(skb, at, &kind, 1) < 0) return DROP_MALFORMED;
    if (kind == 0) return DROP_NONE;
    if (kind == 1) {
      at += 1;
      continue;
    }
    if (bpf_skb_load_bytes(skb, at + 1, &length, 1) < 0 || length < 2 || at + length > end) return DROP_MALFORMED;
    if (kind == 131 || kind == 137) return DROP_SOURCE_ROUTE;
    at += length;
  }
  return at >= end ? DROP_NONE : DROP_HEADER_CHAIN;
}

static __always_inline void set_ipv4_addresses(struct packet *packet, const struct ipv4_header *header) {
  const bool from_pod = sent_by_pod(packet);
  map_ipv4(&packet->key.local, from_pod ? header->source : header->destination);
  map_ipv4(&packet->key.peer, from_pod ? header->destination : header->source);
}

// Packets that segmentation offload will cut may be longer than the length field can say; it is 0 then.
static __always_inline __u32 ipv4_end(struct __sk_buff *skb, const struct ipv4_header *header, __u32 offset) {
  const __u32 length = bpf_ntohs(header->total_length);
  return length == 0 && skb->gso_size > 0 ? skb->len : offset + length;
}

SEPARATE enum drop_reason parse_ipv4(struct __sk_buff *skb, struct packet *packet, __u32 offset) {
  if (!packet) return DROP_MALFORMED;
  struct ipv4_header header;
  if (!READ(skb, offset, &header)) return DROP_MALFORMED;
  packet->network = offset;
  const __u32 length = (header.version_length & 0xf) * 4;
  packet->end = ipv4_end(skb, &header, offset);
  packet->transport = offset + length;
  packet->fragment_begin = packet->transport;
  if (header.version_length >> 4 != 4 || length < sizeof(header) || packet->transport > packet->end) {
    return DROP_MALFORMED;
  }
  if (packet->quoted) packet->end = skb->len;
  if (packet->end > skb->len) return DROP_MALFORMED;
  if (length > sizeof(header) && !packet->quoted) {
    const enum drop_reason reason = check_ipv4_options(skb, offset + sizeof(header), packet->transport);
    if (reason != DROP_NONE) return reason;
  }
  set_ipv4_addresses(packet, &header);
  packet->key.protocol = header.protocol;
  packet->fragment_protocol = header.protocol;
  packet->hop_limit = header.hop_limit;
  packet->identification = header.identification;
  const __u16 fragment = bpf_ntohs(header.fragment);
  packet->fragment_offset = (fragment & 0x1fff) * 8;
  if (packet->fragment_offset != 0) {
    packet->piece = PIECE_LATER;
    return DROP_NONE;
  }
  if (fragment & 0x2000) packet->piece = PIECE_FIRST;
  return parse_transport(skb, packet);
}
