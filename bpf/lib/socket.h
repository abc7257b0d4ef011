// What sockets dial, read and written in one form for both families, and whether it is for us to look at.
#pragma once

#include <linux/errno.h>
#include <linux/in.h>

#include <bpf/bpf_core_read.h>

#include "../maps/socket.h"
#include "service.h"

// What a program on a socket's address answers.
#define PROCEED 1
#define REFUSE 0

const volatile struct socket_options socket_options = {};

// Kernels before 5.18 refuse with EPERM only.
enum bpf_func_id___late {
  BPF_FUNC_set_retval___late = 187,
};

static __noinline void count_socket(enum socket_tally tally) {
  const __u32 key = tally;
  struct socket_count *count = bpf_map_lookup_elem(&socket_tallies, &key);
  if (count) count->count += 1;
}

// Of connect and sendmsg. Where the kernel has no other word than EPERM, nft refuses the packet.
static __always_inline int refuse(void) {
  if (!bpf_core_enum_value_exists(enum bpf_func_id___late, BPF_FUNC_set_retval___late)) return PROCEED;
  bpf_set_retval(-ECONNREFUSED);
  count_socket(SOCKET_TALLY_REFUSED);
  return REFUSE;
}

static __always_inline void read_endpoint(const struct bpf_sock_addr *context, bool ipv6, struct endpoint *endpoint) {
  __u32 *words = (__u32 *)endpoint->address.bytes;
  *endpoint = (struct endpoint){.port = (__be16)context->user_port};
  if (ipv6) {
    words[0] = context->user_ip6[0];
    words[1] = context->user_ip6[1];
    words[2] = context->user_ip6[2];
    words[3] = context->user_ip6[3];
  } else {
    words[2] = bpf_htonl(0xffff);
    words[3] = context->user_ip4;
  }
}

static __always_inline void write_endpoint(struct bpf_sock_addr *context, bool ipv6, const struct endpoint *endpoint) {
  const __u32 *words = (const __u32 *)endpoint->address.bytes;
  if (ipv6) {
    context->user_ip6[0] = words[0];
    context->user_ip6[1] = words[1];
    context->user_ip6[2] = words[2];
    context->user_ip6[3] = words[3];
  } else {
    context->user_ip4 = words[3];
  }
  context->user_port = endpoint->port;
}

static __always_inline bool is_same_endpoint(const struct endpoint *a, const struct endpoint *b) {
  const __u32 *first = (const __u32 *)a->address.bytes;
  const __u32 *second = (const __u32 *)b->address.bytes;
  return a->port == b->port && first[0] == second[0] && first[1] == second[1] && first[2] == second[2] &&
         first[3] == second[3];
}

// 127.0.0.0/8 and ::1.
static __always_inline bool is_loopback(const struct address *address) {
  const __u32 *words = (const __u32 *)address->bytes;
  if (is_mapped_ipv4(address)) return address->bytes[12] == 127;
  return words[0] == 0 && words[1] == 0 && words[2] == 0 && words[3] == bpf_htonl(1);
}

// 169.254.0.0/16 and fe80::/10: the same address is somebody else's on every link.
static __always_inline bool is_link_local(const struct address *address) {
  if (is_mapped_ipv4(address)) return address->bytes[12] == 169 && address->bytes[13] == 254;
  return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

// Its pod asked to see the cluster IP in packets.
static __always_inline bool is_exempt(__u64 cookie) {
  const struct exempt_namespace key = {.cookie = cookie};
  return bpf_map_lookup_elem(&exempt_namespaces, &key);
}

// False for what only packets can tell, or nft alone serves.
static __always_inline bool is_dialled_here(struct bpf_sock_addr *context, const struct endpoint *dialled) {
  if (context->protocol != IPPROTO_TCP && context->protocol != IPPROTO_UDP) return false;
  const __u64 cookie = bpf_get_netns_cookie(context);
  const bool of_node = cookie == socket_options.node_namespace;
  if (!of_node && (socket_options.node_only || is_exempt(cookie))) return false;
  // A pod's loopback is its own; the node's is one of the node's addresses.
  if (!of_node && is_loopback(&dialled->address)) return false;
  return !is_link_local(&dialled->address);
}

// Affinity's client is the network namespace: no source address is chosen yet. No host has a multicast address (ff00::).
static __always_inline void read_client(struct bpf_sock_addr *context, struct address *client) {
  const __u64 cookie = bpf_get_netns_cookie(context);
  *client = (struct address){.bytes = {0xff}};
  __builtin_memcpy(client->bytes + 8, &cookie, sizeof(cookie));
}
