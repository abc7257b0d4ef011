// Sockets whose backend is gone. What datagram sockets send would reach nobody, or somebody else who got its address; connections
// end some time later, where their Service asks for that.
#pragma once

#include "socket.h"

// The kernel's own names, as far as they are needed.
struct udp_sock;

struct sock_common {
  unsigned short skc_family;
} __attribute__((preserve_access_index));

struct tcp_sock;

struct bpf_iter__tcp {
  struct sock_common *sk_common;
} __attribute__((preserve_access_index));

struct bpf_iter__udp {
  struct udp_sock *udp_sk;
} __attribute__((preserve_access_index));

// Since Linux 6.5; without it such sockets stay.
extern int bpf_sock_destroy(struct sock_common *socket) __ksym __weak;

static __always_inline bool is_answered(const struct socket_peer *peer) {
  const struct backend *backend = bpf_map_lookup_elem(&backends, &peer->number);
  if (!backend || backend->lists == 0) return false;
  const struct endpoint now = {.address = backend->address, .port = backend->port};
  return is_same_endpoint(&now, &peer->backend);
}

// Under its process, which is told by ECONNABORTED.
static __always_inline void end_socket(struct sock_common *socket) {
  if (bpf_sock_destroy(socket) == 0) count_socket(SOCKET_TALLY_ENDED);
}

// Ends the socket if it was connected to what is no backend any more.
static __always_inline void end_if_orphan(struct udp_sock *socket) {
  if (!bpf_sock_destroy) return;
  const struct connected_peer *connected = bpf_sk_storage_get(&connected_peers, socket, 0, 0);
  if (connected && !is_answered(&connected->peer)) end_socket((struct sock_common *)socket);
}

// The same of a connection, once its backend is gone for as long as its Service says.
static __always_inline void end_if_departed(struct sock_common *socket) {
  if (!bpf_sock_destroy) return;
  struct tcp_sock *connection = bpf_skc_to_tcp_sock(socket);
  if (!connection) return;
  const struct connected_peer *connected = bpf_sk_storage_get(&connected_peers, connection, 0, 0);
  if (!connected) return;
  struct departure *departure = bpf_map_lookup_elem(&departures, &connected->peer.number);
  if (!departure) return;
  const __u64 now = bpf_ktime_get_ns();
  departure->seen = now;
  if (departure->departed_at == 0) return;
  const __u64 end = departure->departed_at + departure->grace_seconds * NANOSECONDS_PER_SECOND;
  if (now >= end) end_socket(socket);
}
