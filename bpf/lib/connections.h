// Open connections of each backend, and what became of those that were begun. Each counts once from the moment its SYN leaves, or
// a datagram socket is connected, until the socket is closed or connected anew, or its connection ends.
#pragma once

#include "ejection.h"
#include "socket.h"

// The kernel's own names, as far as they are needed.
struct bpf_map {
  __u32 id;
} __attribute__((preserve_access_index));

struct sock {
  int sk_err;
} __attribute__((preserve_access_index));

struct inet_sock {
  struct sock sk;
} __attribute__((preserve_access_index));

struct inet_connection_sock {
  struct inet_sock icsk_inet;
} __attribute__((preserve_access_index));

struct tcp_sock {
  struct inet_connection_sock inet_conn;
} __attribute__((preserve_access_index));

// Which table of states a socket counts in: a build that lays states out anew begins another one.
static __always_inline __u32 counting_table(void) { return ((struct bpf_map *)&backend_states)->id; }

static __noinline struct backend_state *make_state(const struct connected_peer *connected) {
  if (!connected) return 0;
  const __u32 number = connected->peer.number;
  const struct backend_state fresh = {
      .address = connected->peer.backend.address,
      .port = connected->peer.backend.port,
      .service = connected->service,
  };
  bpf_map_update_elem(&backend_states, &number, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&backend_states, &number);
}

static __always_inline struct backend_state *state_of(const struct connected_peer *connected) {
  const __u32 number = connected->peer.number;
  struct backend_state *state = bpf_map_lookup_elem(&backend_states, &number);
  return state ? state : make_state(connected);
}

// Of one that the kernel may close on another processor at the same time.
static __always_inline void end_count(struct connected_peer *connected) {
  if (!connected->counted || __sync_lock_test_and_set(&connected->counted, 0) != counting_table()) return;
  const __u32 number = connected->peer.number;
  struct backend_state *state = bpf_map_lookup_elem(&backend_states, &number);
  if (state) __sync_fetch_and_add(&state->open, -1);
}

static __always_inline void begin_count(struct connected_peer *connected) {
  end_count(connected);
  struct backend_state *state = connected->peer.number ? state_of(connected) : 0;
  if (!state) return;
  __sync_fetch_and_add(&state->connections, 1);
  __sync_fetch_and_add(&state->open, 1);
  connected->counted = counting_table();
}

// What a socket's new program finds counted in the table of an earlier build, or all that is open where nobody has counted
// for a while: `all`.
static __always_inline void count_again(struct connected_peer *connected, bool all) {
  const __u32 before = connected->counted;
  if (!before || (!all && before == counting_table())) return;
  const __u32 number = connected->peer.number;
  const struct backend *backend = bpf_map_lookup_elem(&backends, &number);
  const struct endpoint now = {.address = backend ? backend->address : connected->peer.backend.address,
                               .port = backend ? backend->port : connected->peer.backend.port};
  // Where the rows were lost the number is somebody else's by now.
  struct backend_state *state = is_same_endpoint(&now, &connected->peer.backend) ? state_of(connected) : 0;
  if (!state) {
    connected->counted = 0;
    return;
  }
  __sync_fetch_and_add(&state->open, 1);
  if (__sync_val_compare_and_swap(&connected->counted, before, counting_table()) != before)
    __sync_fetch_and_add(&state->open, -1);
}

static __always_inline struct connected_peer *connected_peer_of(struct bpf_sock_ops *context) {
  struct bpf_sock *socket = context->sk;
  return socket ? bpf_sk_storage_get(&connected_peers, socket, 0, 0) : 0;
}

static __always_inline struct witness_key witness_key_of(struct bpf_sock_ops *context,
                                                         const struct connected_peer *connected) {
  return (struct witness_key){.client = bpf_get_netns_cookie(context), .service = connected->service};
}

// The client gets through to this Service: what fails next is the backend's fault, and not a policy's.
static __always_inline void trust_client(struct bpf_sock_ops *context, const struct connected_peer *connected) {
  const struct witness_key key = witness_key_of(context, connected);
  struct witness *witness = bpf_map_lookup_elem(&witnesses, &key);
  const struct witness trusted = {.failures_left = FAILURES};
  if (!witness) bpf_map_update_elem(&witnesses, &key, &trusted, BPF_ANY);
  else if (witness->failures_left != FAILURES) witness->failures_left = FAILURES;
}

static __always_inline bool is_trusted(struct bpf_sock_ops *context, const struct connected_peer *connected) {
  const struct witness_key key = witness_key_of(context, connected);
  struct witness *witness = bpf_map_lookup_elem(&witnesses, &key);
  if (!witness || !witness->failures_left) return false;
  witness->failures_left -= 1;
  return true;
}

static __noinline void note_failure(struct bpf_sock_ops *context, struct connected_peer *connected) {
  if (!connected || !connected->watched || connected->counted != counting_table()) return;
  const __u32 number = connected->peer.number;
  struct backend_state *state = bpf_map_lookup_elem(&backend_states, &number);
  if (!state) return;
  state->last_failure = bpf_ktime_get_ns();
  __sync_fetch_and_add(&state->failures_total, 1);
  count_socket(SOCKET_TALLY_FAILED);
  if (is_trusted(context, connected) && fail(number, state)) count_socket(SOCKET_TALLY_EJECTED);
}

static __always_inline void on_begin(struct bpf_sock_ops *context) {
  struct connected_peer *connected = connected_peer_of(context);
  if (!connected) return;
  begin_count(connected);
  const __u32 silence = connected->watched ? BPF_SOCK_OPS_RTO_CB_FLAG : 0;
  bpf_sock_ops_cb_flags_set(context, context->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG | silence);
}

static __always_inline void on_answer(struct bpf_sock_ops *context) {
  struct connected_peer *connected = connected_peer_of(context);
  if (!connected || !connected->watched || connected->counted != counting_table()) return;
  connected->failed = 0;
  const __u32 number = connected->peer.number;
  struct backend_state *state = bpf_map_lookup_elem(&backend_states, &number);
  if (state && restore(state)) count_socket(SOCKET_TALLY_RETURNED);
  trust_client(context, connected);
}

// The first retransmission of a SYN: nobody answered for a second.
static __always_inline void on_silence(struct bpf_sock_ops *context) {
  if (context->state != BPF_TCP_SYN_SENT) return;
  struct connected_peer *connected = connected_peer_of(context);
  if (!connected || connected->failed) return;
  connected->failed = 1;
  note_failure(context, connected);
}

// What a network or a backend answers; 0, among others, is a process that gave up by itself.
static __always_inline bool is_failure(struct bpf_sock_ops *context) {
  struct tcp_sock *connection = context->sk ? bpf_skc_to_tcp_sock(context->sk) : 0;
  if (!connection) return false;
  const int error = connection->inet_conn.icsk_inet.sk.sk_err;
  return error == ECONNREFUSED || error == ETIMEDOUT || error == EHOSTUNREACH;
}

static __always_inline void on_state(struct bpf_sock_ops *context) {
  if (context->args[1] != BPF_TCP_CLOSE) return;
  struct connected_peer *connected = connected_peer_of(context);
  if (!connected) return;
  if (context->args[0] == BPF_TCP_SYN_SENT && !connected->failed) {
    connected->failed = 1;
    if (is_failure(context)) note_failure(context, connected);
  }
  end_count(connected);
}
