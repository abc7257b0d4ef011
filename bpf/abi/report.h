// What the programs tell: why packets were dropped, how often, and single flows as events.
#pragma once

#include "policy.h"

// Closed: each is a counter, a metric and a word of `weir flows`.
enum drop_reason {
  DROP_NONE = 0,
  DROP_POLICY = 1,                // a rule or a default denies it
  DROP_CLOSED = 2,                // the pod's rows are not in yet, or the interface is unknown and those are closed
  DROP_NO_VERDICT = 3,            // the rows hold no verdict for the pod's class
  DROP_SPOOFED_SOURCE = 4,        // a pod sends from an address that is not its own
  DROP_SPOOFED_NEIGHBOUR = 5,     // a pod answers ARP or neighbour discovery for another's address
  DROP_ROGUE_ROUTER = 6,          // a pod sends router advertisements, redirects or DHCPv6 replies
  DROP_MALFORMED = 7,             // lengths that contradict each other
  DROP_HEADER_CHAIN = 8,          // more IPv6 extension headers, or IPv4 options, than are walked
  DROP_SOURCE_ROUTE = 9,          // names further destinations
  DROP_TINY_FRAGMENT = 10,        // a first fragment without the whole transport header
  DROP_OVERLAPPING_FRAGMENT = 11, // a later fragment that rewrites the first
  DROP_UNKNOWN_FRAGMENT = 12,     // a later fragment whose first was not let through
  DROP_ETHERTYPE = 13,            // neither IP nor ARP, or tagged
  DROP_NO_ENDPOINT = 14,          // a Service port without endpoints, or without any that may be chosen here
  DROP_NO_SERVICE_PORT = 15,      // a cluster IP has no such port
  DROP_NO_SERVICE = 16,           // the address is for Services, and no Service has it
  DROP_NO_TRANSLATION = 17,       // a Service's packet that can't be translated: no place in the table, or no port left
} __attribute__((packed));

#define DROP_REASONS (DROP_NO_TRANSLATION + 1)

struct drop_count {
  __u64 packets[2];  // by enum direction
};

enum tally {
  TALLY_ALLOWED = 0,          // flows admitted
  TALLY_EXEMPT = 1,           // flows of the pod's own node or the pod itself
  TALLY_REJUDGED = 2,         // open flows judged again after a change of rows
  TALLY_CUT = 3,              // of those, denied
  TALLY_AUDITED = 4,          // flows that audited policies would deny
  TALLY_TABLE_FULL = 5,       // packets judged without a flow since the table is full
  TALLY_SHARE_FULL = 6,       // packets judged without a flow since the pod has its share of the table
  TALLY_EVENTS_LIMITED = 7,   // events left out to keep to the rate
  TALLY_EVENTS_LOST = 8,      // events left out since nobody read the ring
  TALLY_TRANSLATED = 9,       // flows translated from a Service's address to a backend
  TALLY_PORTS_CHANGED = 10,   // of those, with another port of the pod, since its own was taken there
  TALLY_PASSED_BY = 11,       // packets that went from pod to pod past the node's stack
};

#define TALLIES (TALLY_PASSED_BY + 1)

struct tally_count {
  __u64 count;
};

// Per rule, by its number.
struct rule_hits {
  __u64 hits;      // flows it decided, and packets it denied
  __u64 last_hit;  // ns, CLOCK_MONOTONIC
};

enum event_kind {
  EVENT_ALLOW = 0,  // a sample of flows admitted
  EVENT_DROP = 1,   // the first packet of a flow that is dropped
  EVENT_CUT = 2,    // an open flow is no longer allowed
  EVENT_AUDIT = 3,  // admitted, and an audited policy would deny it
} __attribute__((packed));

struct policy_event {
  __u64 time;  // ns, CLOCK_MONOTONIC
  struct address local;
  struct address peer;     // where a translated flow is led
  struct address dialled;  // what the pod sent it to; all 0 without translation
  __be16 local_port;       // as in struct flow_key
  __be16 peer_port;
  __be16 dialled_port;
  __u8 protocol;
  __u8 tcp_flags;
  __u32 interface;
  __u32 rule;        // 0: no rule decided
  __u32 audit_rule;  // 0: none
  __u32 length;      // bytes of the frame
  enum direction direction;  // of the packet
  enum event_kind kind;
  enum drop_reason reason;
  __u8 padding[5];
};

// How many events this CPU sent in the second that began at `begun`.
struct event_rate {
  __u64 begun;       // ns, CLOCK_MONOTONIC
  __u32 admissions;  // of admitted flows
  __u32 others;
};

// When a flow that has no entry was denied last: only the first time is an event.
struct denial {
  __u64 seen;  // ns, CLOCK_MONOTONIC
};

_Static_assert(sizeof(struct drop_count) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct tally_count) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct rule_hits) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct policy_event) == 88, "size is part of the ABI");
_Static_assert(sizeof(struct event_rate) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct denial) == 8, "size is part of the ABI");
