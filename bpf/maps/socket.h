// What the programs on sockets remember. It goes with its socket.
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
