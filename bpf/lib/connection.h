// What conntrack knows of connections that were open before the rows judged them.
#pragma once

#include "packet.h"

#define CURRENT_NAMESPACE -1

enum conntrack_direction {
  CONNTRACK_ORIGINAL = 0,
  CONNTRACK_REPLY = 1,
};

// The kernel's own names, as far as they are needed; newer kernels know longer options, too.
struct bpf_ct_opts {
  __s32 netns_id;
  __s32 error;
  __u8 l4proto;
  __u8 dir;  // out: of the tuple that was asked for
  __u8 reserved[2];
};

_Static_assert(sizeof(struct bpf_ct_opts) == 12, "size is part of the kernel's interface");

struct nf_conn {
  unsigned long status;
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
                                         struct bpf_ct_opts *options, __u32 options_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *connection) __ksym __weak;

static __always_inline void set_tuple(struct bpf_sock_tuple *tuple, const struct packet *packet, bool from_pod) {
  const struct flow_key *key = &packet->key;
  const struct address *source = from_pod ? &key->local : &key->peer;
  const struct address *destination = from_pod ? &key->peer : &key->local;
  const __be16 source_port = from_pod ? key->local_port : key->peer_port;
  const __be16 destination_port = from_pod ? key->peer_port : key->local_port;
  if (packet->ipv6) {
    __builtin_memcpy(tuple->ipv6.saddr, source, sizeof(*source));
    __builtin_memcpy(tuple->ipv6.daddr, destination, sizeof(*destination));
    tuple->ipv6.sport = source_port;
    tuple->ipv6.dport = destination_port;
  } else {
    tuple->ipv4.saddr = ((const __be32 *)source->bytes)[3];
    tuple->ipv4.daddr = ((const __be32 *)destination->bytes)[3];
    tuple->ipv4.sport = source_port;
    tuple->ipv4.dport = destination_port;
  }
}

// True if conntrack has a connection where a packet with these ends goes in this direction.
static __noinline bool is_tracked(struct __sk_buff *skb, const struct packet *packet, bool from_pod,
                                  enum conntrack_direction direction) {
  struct bpf_sock_tuple tuple = {};
  struct bpf_ct_opts how = {.netns_id = CURRENT_NAMESPACE, .l4proto = packet->key.protocol};
  if (!bpf_skb_ct_lookup || !bpf_ct_release) return false;
  set_tuple(&tuple, packet, from_pod);
  const __u32 size = packet->ipv6 ? sizeof(tuple.ipv6) : sizeof(tuple.ipv4);
  struct nf_conn *found = bpf_skb_ct_lookup(skb, &tuple, size, &how, sizeof(how));
  if (!found) return false;
  bpf_ct_release(found);
  return how.dir == direction;
}

// True if the packet answers somebody: a sender's own flags prove nothing. Where one end is translated on the way the
// pod's side sees one of the connection's two tuples only.
static __always_inline bool is_tracked_reply(struct __sk_buff *skb, const struct packet *packet) {
  const bool from_pod = sent_by_pod(packet);
  return is_tracked(skb, packet, from_pod, CONNTRACK_REPLY) ||
         is_tracked(skb, packet, !from_pod, CONNTRACK_ORIGINAL);
}
