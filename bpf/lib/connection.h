// What conntrack knows of connections that were open before the rows judged them.
#pragma once

#include <bpf/bpf_core_read.h>

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

// Since Linux 5.18. The type came with the functions and is in the same module. The functions' addresses would tell the same,
// but libbpf before 1.2 finds none in a module, and the kernel then refuses the program.
static __always_inline bool can_ask_conntrack(void) {
  return bpf_core_type_exists(struct bpf_ct_opts);
}

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

enum tracked {
  TRACKED_NOT = 0,
  TRACKED_ORIGINAL = 1,  // what opens the connection, or goes on as that does
  TRACKED_REPLY = 2,
} __attribute__((packed));

// What conntrack calls a packet with these ends that goes in this direction. `*answering`: the ends of whom it has answer what
// the pod sends; set for TRACKED_ORIGINAL from the pod.
SEPARATE enum tracked find_tracked(struct __sk_buff *skb, const struct packet *packet, bool from_pod,
                                   struct ends *answering) {
  struct bpf_sock_tuple tuple = {};
  if (!packet || !answering || !can_ask_conntrack()) return TRACKED_NOT;
  struct bpf_ct_opts how = {.netns_id = CURRENT_NAMESPACE, .l4proto = packet->key.protocol};
  set_socket_tuple(&tuple, packet, from_pod);
  const __u32 size = packet->ipv6 ? sizeof(tuple.ipv6) : sizeof(tuple.ipv4);
  struct nf_conn *found = bpf_skb_ct_lookup(skb, &tuple, size, &how, sizeof(how));
  if (!found) return TRACKED_NOT;
  const struct nf_conntrack_man *source = &found->tuplehash[CONNTRACK_REPLY].tuple.src;
  __be32 *words = (__be32 *)answering->peer.bytes;
  if (packet->ipv6) {
    words[0] = source->u3.all[0];
    words[1] = source->u3.all[1];
    words[2] = source->u3.all[2];
    words[3] = source->u3.all[3];
  } else {
    map_ipv4(&answering->peer, source->u3.all[0]);
  }
  answering->local_port = packet->key.local_port;
  answering->peer_port = source->u.all;
  bpf_ct_release(found);
  return how.dir == CONNTRACK_ORIGINAL ? TRACKED_ORIGINAL : TRACKED_REPLY;
}

// True if conntrack has somebody else answer what the pod sends to the packet's peer: `*ends`.
static __always_inline bool is_led_elsewhere(struct __sk_buff *skb, const struct packet *packet, struct ends *ends) {
  const struct ends own = ends_of(&packet->key);
  return find_tracked(skb, packet, true, ends) == TRACKED_ORIGINAL && !same_ends(ends, &own);
}
