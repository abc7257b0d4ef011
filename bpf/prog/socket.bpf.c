// Services at the sockets of a cgroup: who connects or sends to a Service talks to one of its backends directly, and goes
// on seeing the Service's address. What is not translated here meets nft as a packet.
#include "../lib/connections.h"
#include "../lib/orphans.h"
#include "../lib/schedule.h"
#include "../lib/socket.h"

static __always_inline struct connected_peer *connected_peer(struct bpf_sock_addr *context, __u64 flags) {
  return context->sk ? bpf_sk_storage_get(&connected_peers, context->sk, 0, flags) : 0;
}

static __always_inline void forget_connected(struct bpf_sock_addr *context) {
  struct connected_peer *connected = connected_peer(context, 0);
  if (!connected) return;
  end_count(connected);
  bpf_sk_storage_delete(&connected_peers, context->sk);
}

// Whom the socket is given, and what the choice went by.
struct chosen {
  const struct backend *backend;  // null: nobody
  __u32 number;
  bool ejects;
};

// `avoided`: number of the backend that the socket has just tried; 0: none.
static __always_inline struct chosen choose(struct bpf_sock_addr *context, const struct endpoint *dialled,
                                            const struct service_match *match, __u32 avoided) {
  const __u32 service_number = match->service;
  const struct service *service = bpf_map_lookup_elem(&services, &service_number);
  if (!service) return (struct chosen){};
  struct choice choice = choice_of(match, service);
  struct address client = {};
  if (service->affinity_seconds || choice.scheduler == SCHEDULER_CLIENT_HASH) read_client(context, &client);
  choice.hashed = choice.scheduler == SCHEDULER_DESTINATION_HASH ? dialled->address : client;
  choice.avoided = avoided;
  choice.probes = context->protocol == IPPROTO_TCP;
  __u32 number = remembered_backend(match, service, &client);
  if (!number || !stays(&choice, number)) number = is_compared(&choice) ? compare(&choice) : draw(&choice);
  const struct backend *backend = bpf_map_lookup_elem(&backends, &number);
  // What stands at a Service's address itself would be translated once more: nft has to do it in one go.
  struct service_match beyond;
  if (!backend || match_frontends(&backend->address, backend->port, context->protocol, &beyond)) return (struct chosen){};
  if (service->affinity_seconds) remember_backend(match, &client, number);
  return (struct chosen){.backend = backend, .number = number, .ejects = service->ejects};
}

static __always_inline void set_peer(struct socket_peer *peer, const struct endpoint *dialled,
                                     const struct chosen *chosen) {
  peer->dialled = *dialled;
  peer->backend = (struct endpoint){.address = chosen->backend->address, .port = chosen->backend->port};
  peer->number = chosen->number;
}

// False where the connection is better left to nft.
static __always_inline bool connect_to(struct bpf_sock_addr *context, bool ipv6, const struct endpoint *dialled,
                                       const struct service_match *match) {
  struct connected_peer *connected = connected_peer(context, BPF_SK_STORAGE_GET_F_CREATE);
  if (!connected) return false;
  const bool again = connected->failed && is_same_endpoint(&connected->peer.dialled, dialled);
  const struct chosen chosen = choose(context, dialled, match, again ? connected->peer.number : 0);
  if (!chosen.backend) return false;
  end_count(connected);
  set_peer(&connected->peer, dialled, &chosen);
  connected->service = match->service;
  connected->watched = context->protocol == IPPROTO_TCP && chosen.ejects;
  connected->failed = 0;
  // A connection counts from its SYN on: before, the kernel may still find no way for it.
  if (context->protocol != IPPROTO_TCP) begin_count(connected);
  write_endpoint(context, ipv6, &connected->peer.backend);
  count_socket(SOCKET_TALLY_CONNECTED);
  return true;
}

// Where no row tells of a Service's port, whether it has none or its rows found no room, nft refuses or serves the packet.
static __always_inline void match_dialled(struct bpf_sock_addr *context, const struct endpoint *dialled,
                                          struct service_match *match) {
  if (is_dialled_here(context, dialled)) match_frontends(&dialled->address, dialled->port, context->protocol, match);
}

// Two connections from one port to one backend, by two Services, would be one connection to the kernel: nft gives one of
// them another port.
static __always_inline bool has_chosen_port(const struct bpf_sock_addr *context) {
  return context->protocol == IPPROTO_TCP && context->sk && context->sk->src_port != 0;
}

static __always_inline int on_connect(struct bpf_sock_addr *context, bool ipv6) {
  struct service_match match = {};
  struct endpoint dialled;
  read_endpoint(context, ipv6, &dialled);
  match_dialled(context, &dialled, &match);
  if (match.outcome == SERVICE_SERVED && !has_chosen_port(context) && connect_to(context, ipv6, &dialled, &match)) {
    return PROCEED;
  }
  forget_connected(context);
  // Datagrams may be sent when there are endpoints again: nft refuses each, as long as there are none.
  if (context->protocol != IPPROTO_TCP) return PROCEED;
  return match.outcome == SERVICE_REFUSED ? refuse() : PROCEED;
}

// The peer by what the process calls it, as long as it may answer.
static __always_inline struct socket_peer *peer_by_service(struct socket_peers *peers, const struct endpoint *dialled,
                                                           const struct service_match *match) {
#pragma unroll
  for (__u32 index = 0; index < SOCKET_PEERS; ++index) {
    struct socket_peer *peer = &peers->peers[index];
    if (!peer->number || !is_same_endpoint(&peer->dialled, dialled)) continue;
    if (eligible_backend(match, peer->number)) {
      peers->last = index;
      return peer;
    }
    peer->number = 0;
  }
  return 0;
}

static __always_inline struct socket_peer *choose_peer(struct bpf_sock_addr *context, struct socket_peers *peers,
                                                       const struct endpoint *dialled,
                                                       const struct service_match *match) {
  const struct chosen chosen = choose(context, dialled, match, 0);
  if (!chosen.backend) return 0;
  peers->last = (peers->last + 1) % SOCKET_PEERS;
  struct socket_peer *peer = &peers->peers[peers->last % SOCKET_PEERS];
  set_peer(peer, dialled, &chosen);
  count_socket(SOCKET_TALLY_SENT);
  return peer;
}

// Who is sent to by its own address is to be seen by it in its answers.
static __always_inline void forget_backend(struct bpf_sock_addr *context, const struct endpoint *endpoint) {
  struct socket_peers *peers = context->sk ? bpf_sk_storage_get(&message_peers, context->sk, 0, 0) : 0;
  if (!peers) return;
#pragma unroll
  for (__u32 index = 0; index < SOCKET_PEERS; ++index) {
    struct socket_peer *peer = &peers->peers[index];
    if (is_same_endpoint(&peer->backend, endpoint)) *peer = (struct socket_peer){};
  }
}

static __always_inline int on_sendmsg(struct bpf_sock_addr *context, bool ipv6) {
  struct service_match match = {};
  struct endpoint dialled;
  read_endpoint(context, ipv6, &dialled);
  match_dialled(context, &dialled, &match);
  if (match.outcome == SERVICE_REFUSED) return refuse();
  if (match.outcome != SERVICE_SERVED) forget_backend(context, &dialled);
  if (match.outcome != SERVICE_SERVED || !context->sk) return PROCEED;
  struct socket_peers *peers = bpf_sk_storage_get(&message_peers, context->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!peers) return PROCEED;
  struct socket_peer *peer = peer_by_service(peers, &dialled, &match);
  if (!peer) peer = choose_peer(context, peers, &dialled, &match);
  if (peer) write_endpoint(context, ipv6, &peer->backend);
  return PROCEED;
}

static __always_inline bool name_peer(struct bpf_sock_addr *context, bool ipv6, const struct endpoint *sender,
                                      const struct socket_peer *peer) {
  if (!peer->dialled.port || !is_same_endpoint(&peer->backend, sender)) return false;
  write_endpoint(context, ipv6, &peer->dialled);
  return true;
}

static __always_inline bool name_connected(struct bpf_sock_addr *context, bool ipv6, const struct endpoint *sender) {
  const struct connected_peer *connected = connected_peer(context, 0);
  return connected && name_peer(context, ipv6, sender, &connected->peer);
}

static __always_inline int on_recvmsg(struct bpf_sock_addr *context, bool ipv6) {
  struct endpoint sender;
  read_endpoint(context, ipv6, &sender);
  if (name_connected(context, ipv6, &sender) || !context->sk) return PROCEED;
  const struct socket_peers *peers = bpf_sk_storage_get(&message_peers, context->sk, 0, 0);
  if (!peers) return PROCEED;
  // One backend may answer for several Services: more likely for the one that was asked last.
  if (name_peer(context, ipv6, &sender, &peers->peers[peers->last % SOCKET_PEERS])) return PROCEED;
#pragma unroll
  for (__u32 index = 0; index < SOCKET_PEERS; ++index) {
    if (name_peer(context, ipv6, &sender, &peers->peers[index])) return PROCEED;
  }
  return PROCEED;
}

static __always_inline int on_getpeername(struct bpf_sock_addr *context, bool ipv6) {
  struct endpoint peer;
  read_endpoint(context, ipv6, &peer);
  name_connected(context, ipv6, &peer);
  return PROCEED;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *context) { return on_connect(context, false); }

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *context) { return on_connect(context, true); }

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *context) { return on_sendmsg(context, false); }

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *context) { return on_sendmsg(context, true); }

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *context) { return on_recvmsg(context, false); }

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *context) { return on_recvmsg(context, true); }

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *context) { return on_getpeername(context, false); }

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *context) { return on_getpeername(context, true); }

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *socket) {
  struct connected_peer *connected = bpf_sk_storage_get(&connected_peers, socket, 0, 0);
  if (connected) end_count(connected);
  return PROCEED;
}

SEC("sockops")
int sock_ops(struct bpf_sock_ops *context) {
  if (context->op == BPF_SOCK_OPS_TCP_CONNECT_CB) on_begin(context);
  else if (context->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB) on_answer(context);
  else if (context->op == BPF_SOCK_OPS_RTO_CB) on_silence(context);
  else if (context->op == BPF_SOCK_OPS_STATE_CB) on_state(context);
  return PROCEED;
}

struct bpf_iter__bpf_sk_storage_map {
  struct sock *sk;
} __attribute__((preserve_access_index));

static __always_inline int count_socket_again(const struct bpf_iter__bpf_sk_storage_map *context, bool all) {
  struct sock *socket = context->sk;
  struct connected_peer *connected = socket ? bpf_sk_storage_get(&connected_peers, socket, 0, 0) : 0;
  if (connected) count_again(connected, all);
  return 0;
}

// Connections that count in the table of an earlier build.
SEC("iter/bpf_sk_storage_map")
int count_others(struct bpf_iter__bpf_sk_storage_map *context) { return count_socket_again(context, false); }

// All connections, where they were not counted all the time.
SEC("iter/bpf_sk_storage_map")
int count_all(struct bpf_iter__bpf_sk_storage_map *context) { return count_socket_again(context, true); }

SEC("iter/udp")
int end_orphans(struct bpf_iter__udp *context) {
  struct udp_sock *socket = context->udp_sk;
  if (socket) end_if_orphan(socket);
  return 0;
}

SEC("iter/tcp")
int end_departed(struct bpf_iter__tcp *context) {
  struct sock_common *socket = context->sk_common;
  if (socket) end_if_departed(socket);
  return 0;
}

char socket_license[] SEC("license") = "GPL";
