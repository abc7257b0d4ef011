// Rows of network policy: which class a peer has, which class a pod has, and what is allowed between them.
// The agent writes these tables, the programs only read them.
#pragma once

#include "address.h"

enum direction {
  DIRECTION_INGRESS = 0,  // to the pod
  DIRECTION_EGRESS = 1,   // from the pod
} __attribute__((packed));

enum subject_state {
  SUBJECT_CLOSED = 0,  // nothing passes: a policy selects the pod and its rows are not in yet
  SUBJECT_OPEN = 1,    // no policy selects the pod
  SUBJECT_JUDGED = 2,  // by the rows of its policy class
} __attribute__((packed));

// Rows that change together become visible together: `[2]` is a value for even and one for odd revisions. The agent writes
// those of the revision to come, and then the revision.

// A local pod; the key of its table is the index of the host side's interface (host byte order).
struct subject {
  struct address ipv4;  // what it may send from; all bits zero: it has none of that family
  struct address ipv6;
  __u32 policy_class[2];  // 0: none
  enum subject_state state[2];
  __u8 passable;  // 1: what is between two such pods may go past the node's stack; of no revision
  __u8 padding;
};

// Longest prefix match on the address of a peer that no table of single addresses knows. `prefix_length` counts from the
// first of its 128 bits.
struct peer_key {
  __u32 prefix_length;
  struct address address;
};

struct peer {
  __u32 peer_class[2];  // 0: of no class
};

enum verdict_action {
  VERDICT_NONE = 0,  // no such row
  VERDICT_DENY = 1,
  VERDICT_ALLOW = 2,
} __attribute__((packed));

struct verdict {
  __u32 rule;        // number of the rule that decides
  __u32 audit_rule;  // number of the rule that would deny if audited policies were enforced; 0: none
  enum verdict_action action;
  __u8 padding[3];
};

// The rows of a policy class for a peer class and direction: one for every protocol, and the rest in the table of ports.
struct verdict_group_key {
  __u32 policy_class;
  __u32 peer_class;  // 0: any peer
  enum direction direction;
  __u8 padding[3];
};

struct verdict_group {
  __u32 port_lengths;  // bit n: the table of ports has rows with n bits of the port
  struct verdict everything;
};

// A row for the ports of one protocol that begin with the first `bits` bits of `port`; the longest decides. Hash tables,
// one look-up for each length that occurs, cost the same with any number of rows; a trie of 10,000 rows cost ten times more.
struct port_key {
  __u32 policy_class;
  __u32 peer_class;  // 0: any peer
  enum direction direction;
  __u8 protocol;  // IPPROTO_TCP, _UDP or _SCTP
  __be16 port;    // destination port, the bits behind `bits` are 0
  __u8 bits;      // 0 to 16
  __u8 padding[3];
};

enum name_kind {
  NAME_POLICY_CLASS = 0,
  NAME_PEER_CLASS = 1,
  NAME_RULE = 2,
};

// Which content a number stands for, so that a restarted agent gives the same content the same number.
struct name_key {
  enum name_kind kind;
  __u32 number;
};

struct name {
  __u8 digest[16];  // of the content key: the first half of its SHA-256
};

_Static_assert(sizeof(struct subject) == 44, "size is part of the ABI");
_Static_assert(sizeof(struct peer_key) == 20, "size is part of the ABI");
_Static_assert(sizeof(struct peer) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct verdict) == 12, "size is part of the ABI");
_Static_assert(sizeof(struct verdict_group_key) == 12, "size is part of the ABI");
_Static_assert(sizeof(struct verdict_group) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct port_key) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct name_key) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct name) == 16, "size is part of the ABI");
