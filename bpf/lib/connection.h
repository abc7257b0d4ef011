// What conntrack knows of connections that were open before the rows judged them.
#pragma once

#include "pair.h"

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

#define READ_FROM_KERNEL __attribute__((preserve_access_index))  // where a field is, this kernel tells when loading

union nf_inet_addr {
  __be32 all[4];
} READ_FROM_KERNEL;

union nf_conntrack_man_proto {
  __be16 all;
} READ_FROM_KERNEL;

struct nf_conntrack_man {
  union nf_inet_addr u3;
  union nf_conntrack_man_proto u;
} READ_FROM_KERNEL;

struct nf_conntrack_tuple {
  struct nf_conntrack_man src;
} READ_FROM_KERNEL;

struct nf_conntrack_tuple_hash {
  struct nf_conntrack_tuple tuple;
} READ_FROM_KERNEL;

struct nf_conn {
  struct nf_conntrack_tuple_hash tuplehash[2];  // by enum conntrack_direction
} READ_FROM_KERNEL;

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
                                         struct bpf_ct_opts *options, __u32 options_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *connection) __ksym __weak;

static __always_inline void set_socket_tuple(struct bpf_sock_tuple *tuple, const struct packet *packet, bool from_pod) {
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
SEPARATE bool is_tracked(struct __sk_buff *skb, const struct packet *packet, bool from_pod,
                         enum conntrack_direction direction) {
  if (!packet) return false;
  struct bpf_sock_tuple tuple = {};
  struct bpf_ct_opts how = {.netns_id = CURRENT_NAMESPACE, .l4proto = packet->key.protocol};
  if (!bpf_skb_ct_lookup || !bpf_ct_release) return false;
  set_socket_tuple(&tuple, packet, from_pod);
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

// Who conntrack has answer what the pod sends to the packet's peer; false if nobody else does.
SEPARATE bool find_tracked_backend(struct __sk_buff *skb, const struct packet *packet, struct ends *ends) {
  if (!packet || !ends) return false;
  struct bpf_sock_tuple tuple = {};
  struct bpf_ct_opts how = {.netns_id = CURRENT_NAMESPACE, .l4proto = packet->key.protocol};
  if (!bpf_skb_ct_lookup || !bpf_ct_release) return false;
  set_socket_tuple(&tuple, packet, true);
  const __u32 size = packet->ipv6 ? sizeof(tuple.ipv6) : sizeof(tuple.ipv4);
  struct nf_conn *found = bpf_skb_ct_lookup(skb, &tuple, size, &how, sizeof(how));
  if (!found) return false;
  const struct nf_conntrack_man *answering = &found->tuplehash[CONNTRACK_REPLY].tuple.src;
  ends->local_port = packet->key.local_port;
  ends->peer_port = answering->u.all;
  if (packet->ipv6) {
    __be32 *words = (__be32 *)ends->peer.bytes;
    words[0] = answering->u3.all[0];
    words[1] = answering->u3.all[1];
    words[2] = answering->u3.all[2];
    words[3] = answering->u3.all[3];
  } else {
    map_ipv4(&ends->peer, answering->u3.all[0]);
  }
  bpf_ct_release(found);
  const struct ends own = ends_of(&packet->key);
  return how.dir == CONNTRACK_ORIGINAL && !same_ends(ends, &own);
}
