// Every map of the policy programs. Sizes that an operator sets are set again by the loader.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "../abi/flow.h"
#include "../abi/policy.h"
#include "../abi/report.h"

// Rows: written by the agent. An empty hash table of a million entries takes 17 MB, so these are generous, not boundless.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __type(value, struct subject);
} subjects SEC(".maps");

// Single addresses; looked up before prefixes.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 524288);
  __type(key, struct address);
  __type(value, struct peer);
} peer_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1048576);
  __type(key, struct peer_key);
  __type(value, struct peer);
} peer_prefixes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 524288);
  __type(key, struct verdict_group_key);
  __type(value, struct verdict_group);
} verdict_groups SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1048576);
  __type(key, struct port_key);
  __type(value, struct verdict);
} port_verdicts SEC(".maps");

// Raised after every change of the rows, read before they are.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} revision SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 524288);
  __type(key, struct name_key);
  __type(value, struct name);
} names SEC(".maps");

// Written by the programs. A flow is never evicted for another; sweep_flows removes those that ended.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 524288);
  __type(key, struct flow_key);
  __type(value, struct flow);
} flows SEC(".maps");

// By interface; the agent makes the entry, the programs count in it.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __type(value, struct usage);
} usages SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct fragment_key);
  __type(value, struct fragment);
} fragments SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct flow_key);
  __type(value, struct denial);
} denials SEC(".maps");

// By interface.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __type(value, struct link_ends);
} link_ends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, DROP_REASONS);
  __type(key, __u32);
  __type(value, struct drop_count);
} drop_counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, TALLIES);
  __type(key, __u32);
  __type(value, struct tally_count);
} tallies SEC(".maps");

// Of all processors together: a per-CPU entry costs microseconds to make, which the first packet of each rule would pay.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 262144);
  __type(key, __u32);
  __type(value, struct rule_hits);
} rule_hits SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct event_rate);
} event_rates SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1048576);
} events SEC(".maps");

// What a program puts aside while it has a packet in hand: of no use to anybody else, hence no types. On each processor, one
// packet is looked at at a time.
#define WORKSPACE_BYTES 128

enum workspace_part {
  WORKSPACE_PACKET = 0,   // struct packet
  WORKSPACE_QUOTED = 1,   // struct packet, as an ICMP error quotes it
  WORKSPACE_OPENING = 2,  // struct opening
  WORKSPACE_CHANGE = 3,   // struct change
  WORKSPACE_FLOW = 4,     // struct flow, as it is to be written
};

#define WORKSPACE_PARTS (WORKSPACE_FLOW + 1)

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, WORKSPACE_PARTS);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, WORKSPACE_BYTES);
} workspace SEC(".maps");
