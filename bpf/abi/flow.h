// What the programs remember: flows, fragments, and how many flows each pod has.
#pragma once

#include "policy.h"

// One entry for both directions of a flow of one pod, told apart by whose side an address is on.
struct flow_key {
  struct address local;  // the pod
  struct address peer;
  // TCP, UDP, SCTP: the ports. ICMP echo: the identifier on the side that asked, 0 on the other, so that a question is
  // never taken for an answer. Other ICMP: type and code on the side that sent it, 0xffff on the other. Else 0.
  __be16 local_port;
  __be16 peer_port;
  __u32 interface;  // index of the host side's interface
  __u8 protocol;    // IPPROTO_*
  __u8 covered;     // 1: what the pod sends directly, where a translated flow has the entry of the same ends
  __u8 padding[2];
};

enum flow_state {
  FLOW_OPENING = 0,  // no reply yet
  FLOW_ESTABLISHED = 1,
  FLOW_CLOSING = 2,  // TCP: a FIN or RST was seen, true or forged; only shortens how long an idle flow is kept
} __attribute__((packed));

enum flow_origin {
  FLOW_JUDGED = 0,  // the rows admitted it
  FLOW_EXEMPT = 1,  // the pod's own node, or the pod itself: no policy applies
} __attribute__((packed));

// How packets of a flow are changed at the pod's interface. A translated flow has two entries: under the ends that the pod
// sees, and under those that everybody else does; each names the ends of the other. All but the translation is kept in the
// second one.
enum translation {
  TRANSLATION_NONE = 0,
  TRANSLATION_TO_BACKEND = 1,    // entry of what the pod sees: its packets go to the other ends
  TRANSLATION_TO_SERVICE = 2,    // entry of what others see: packets for the pod come from the other ends
  TRANSLATION_OUT_AND_BACK = 3,  // the pod is its own backend: entry of what it sees as a client
  TRANSLATION_BACK_AND_OUT = 4,  // entry of what it sees as a server
  TRANSLATION_ELSEWHERE = 5,     // one entry: conntrack translates it; judged by the other ends
} __attribute__((packed));

// The ends of a flow beside the pod's address.
struct ends {
  struct address peer;
  __be16 local_port;
  __be16 peer_port;
};

struct flow {
  __u64 last_seen;    // ns, CLOCK_MONOTONIC; refreshed at most four times a second
  __u64 packets[2];   // in the direction that opened it, and back
  __u64 bytes[2];     // of whole frames, likewise
  __u32 revision;     // of the verdict table when it was judged last
  __u32 rule;         // number of the rule that allowed it; 0: exempt, or cut by a change
  __u32 audit_rule;   // number of the rule that would deny it if audited policies were enforced; 0: none
  enum direction direction;  // in which it was opened and judged
  enum flow_state state;
  enum flow_origin origin;
  enum translation translation;
  struct ends other;  // of the other entry; all 0 without translation
  __u32 backend;      // number; TRANSLATION_TO_BACKEND and _OUT_AND_BACK only
  __u32 passage;      // index of the interface to whose pod go what this one sends, past the node's stack; 0: by the stack
  __u32 padding;
};

// Of frames to the pod at an interface, as it is to see them.
struct link_ends {
  __u8 destination[6];
  __u8 source[6];
};

struct fragment_key {
  struct address local;
  struct address peer;
  __u32 interface;
  __u32 identification;  // in the byte order of the packet
  enum direction direction;
  __u8 protocol;  // IPv4: IPPROTO_*; IPv6: 0, since later fragments do not tell it
  __u8 padding[2];
};

// What the first fragment said for those that follow.
struct fragment {
  __u64 seen;  // ns, CLOCK_MONOTONIC
  __be16 local_port;
  __be16 peer_port;
  __u16 end;  // bytes of the payload that the first fragment holds; nothing may overlap them
  __u8 protocol;
  __u8 padding;
};

struct usage {
  __u32 flows;
};

// Argument of the program sweep_flows.
struct sweep {
  __u32 removed;  // out: flows that had ended, or whose interface is gone
  __u32 kept;     // out
};

_Static_assert(sizeof(struct flow_key) == 44, "size is part of the ABI");
_Static_assert(sizeof(struct ends) == 20, "size is part of the ABI");
_Static_assert(sizeof(struct flow) == 88, "size is part of the ABI");
_Static_assert(sizeof(struct link_ends) == 12, "size is part of the ABI");
_Static_assert(sizeof(struct fragment_key) == 44, "size is part of the ABI");
_Static_assert(sizeof(struct fragment) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct usage) == 4, "size is part of the ABI");
_Static_assert(sizeof(struct sweep) == 8, "size is part of the ABI");
