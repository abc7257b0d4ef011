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
  __u8 padding[2];
};

// Longest prefix match on an address. `prefix_length` counts from the first of its 128 bits.
struct peer_key {
  __u32 prefix_length;
  struct address address;
};

struct peer {
  __u32 peer_class[2];  // 0: of no class
};

// Longest prefix match: 72 bits for every protocol, 80 for every port of one, up to 96 for one port.
struct verdict_key {
  __u32 prefix_length;
  __u32 policy_class;
  __u32 peer_class;  // 0: any peer
  enum direction direction;
  __u8 protocol;  // IPPROTO_*
  __be16 port;    // destination port; 0 where the protocol has none
};

enum verdict_action {
  VERDICT_DENY = 0,
  VERDICT_ALLOW = 1,
} __attribute__((packed));

struct verdict {
  __u32 rule;        // number of the rule that decides
  __u32 audit_rule;  // number of the rule that would deny if audited policies were enforced; 0: none
  enum verdict_action action;
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
_Static_assert(sizeof(struct verdict_key) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct verdict) == 12, "size is part of the ABI");
_Static_assert(sizeof(struct name_key) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct name) == 16, "size is part of the ABI");
