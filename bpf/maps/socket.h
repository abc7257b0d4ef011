// What the programs on sockets remember, which goes with its socket, and count.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "../abi/socket.h"

// Of sockets that were connected to a Service.
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct socket_peer);
} connected_peers SEC(".maps");

// Of datagram sockets that name a Service with each message.
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct socket_peers);
} message_peers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SOCKET_TALLIES);
  __type(key, __u32);
  __type(value, struct socket_count);
} socket_tallies SEC(".maps");
