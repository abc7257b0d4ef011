// What the programs on sockets remember, which goes with its socket, and count.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "../abi/service.h"
#include "../abi/socket.h"

// Of sockets that were connected to a Service.
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connected_peer);
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

// Whose failures count. The longest unused goes when there is no room.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 32768);
  __type(key, struct witness_key);
  __type(value, struct witness);
} witnesses SEC(".maps");

// Whose sockets are left to nft. The value says nothing.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 16384);
  __type(key, struct exempt_namespace);
  __type(value, __u32);
} exempt_namespaces SEC(".maps");

// By number of the backend. Written by the agent, but for when a connection was seen.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, struct departure);
} departures SEC(".maps");
