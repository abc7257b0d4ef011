// Rows of Services as connections that begin on this node meet them: which Service an address and port stand for, and
// who answers. The agent writes these tables, the programs only read them; but for what affinity remembers.
#pragma once

#include "address.h"

// Where a frontend is looked up.
enum frontend_scope {
  FRONTEND_EXACT = 0,      // cluster IPs, load-balancer IPs, external IPs: by the destination itself
  FRONTEND_HOST_PORT = 1,  // at addresses of this node only: by the destination, then by the unspecified address of its family
  FRONTEND_NODE_PORT = 2,  // by the unspecified address of the destination's family
} __attribute__((packed));

// What happens to a new connection (src/model/rows.ts).
enum treatment {
  TREATMENT_PASS = 0,     // this frontend does not exist for such packets
  TREATMENT_CLUSTER = 1,  // chosen from the list of all endpoints; it is not empty
  TREATMENT_LOCAL = 2,    // chosen from the list of this node's endpoints; it is not empty
  TREATMENT_REJECT = 3,
  TREATMENT_DROP = 4,
} __attribute__((packed));

struct frontend_key {
  // The unspecified address of IPv4 is ::ffff:0.0.0.0.
  struct address address;
  __be16 port;
  __u8 protocol;  // IPPROTO_*
  enum frontend_scope scope;
};

struct frontend {
  __u32 service;  // number
  enum treatment inside;     // for what local pods and this node send
  enum treatment elsewhere;  // node ports: the same, at an address of another node
  __u8 padding[2];
};

enum slot_list {
  LIST_CLUSTER = 0,
  LIST_LOCAL = 1,
} __attribute__((packed));

#define SLOT_LISTS (LIST_LOCAL + 1)

// How a slot is chosen. What weights mean to the first four is in the slots themselves: they are a schedule.
enum scheduler {
  SCHEDULER_RANDOM = 0,            // any slot
  SCHEDULER_TURNS,                 // one after the other (rr, wrr)
  SCHEDULER_CLIENT_HASH,           // by the client's address (sh, maglev)
  SCHEDULER_DESTINATION_HASH,      // by the address that was dialled (dh)
  SCHEDULER_LEAST_CONNECTIONS,     // fewest open connections (lc)
  SCHEDULER_WEIGHTED_LEAST_CONNECTIONS,  // fewest for their weight (wlc)
  SCHEDULER_SHORTEST_DELAY,        // fewest for their weight, with the new one (sed)
  SCHEDULER_NEVER_QUEUE,           // one without any, else as before (nq)
} __attribute__((packed));

// A Service port of one family. Its slots become visible together, by writing `generation` and `slots` in one go.
struct service {
  __u32 generation;
  __u32 slots[SLOT_LISTS];   // by enum slot_list
  __u32 affinity_seconds;    // idle seconds that a client keeps its backend; 0: no affinity
  __u32 slow_start_seconds;  // in which a new backend comes to its full share; 0: at once
  enum scheduler scheduler;
  __u8 ejects;  // 1: backends that do not answer are left out for a while
  __u8 padding[2];
};

struct slot_key {
  __u32 service;
  __u32 generation;
  __u32 slot;  // from 0
  enum slot_list list;
  __u8 padding[3];
};

struct slot {
  __u32 backend;  // number
};

// An endpoint of one Service port and family: the same endpoint of another Service has another number.
struct backend {
  struct address address;
  __u32 service;
  // Second of CLOCK_MONOTONIC in which it came into a Service that was served before; 0: it has its full share.
  __u32 since;
  __be16 port;
  __u16 weight;  // at least 1
  __u8 lists;    // bit n: it is in the list n, so a client may keep it
  __u8 padding[3];
};

// What an address of a Service means beside its frontends.
enum service_address_kind {
  SERVICE_ADDRESS_CLUSTER_IP = 0,  // ports that are no frontend are refused
  SERVICE_ADDRESS_EXTERNAL = 1,    // other things may be served at other ports
} __attribute__((packed));

struct service_address {
  enum service_address_kind kind;
  __u8 pingable;  // 1: a node answers echo requests
  __u8 padding[2];
};

enum node_address_kind {
  NODE_ADDRESS_OWN = 0,     // of this node, without node ports
  NODE_ADDRESS_SERVED = 1,  // of this node, with node ports
  NODE_ADDRESS_OTHER = 2,   // of another node, from its status
} __attribute__((packed));

struct node_address {
  enum node_address_kind kind;
  __u8 padding[3];
};

// Longest prefix match; the value says nothing. Addresses in it belong to Services alone: those that no Service has are dropped.
struct service_prefix_key {
  __u32 prefix_length;  // of 128 bits
  struct address address;
};

struct service_name {
  __u8 digest[16];  // of the Service's id: the first half of its SHA-256
};

struct affinity_key {
  struct address client;
  __u32 service;
};

struct affinity {
  __u64 last_used;  // ns, CLOCK_MONOTONIC
  __u32 backend;
  __u32 padding;
};

// What the programs know of a backend from its connections: by its number, made when it is first needed.
struct backend_state {
  // Whose it is, since connections stay open when its row is gone.
  struct address address;
  __u32 service;
  __u32 open;            // connections that are open now
  __u64 connections;     // that were begun: open ones and past ones
  __u64 failures_total;  // that were refused or not answered in time
  __u64 last_failure;    // ns, CLOCK_MONOTONIC; 0: none
  __u64 ejected_until;   // ns, CLOCK_MONOTONIC; 0: it is not ejected, and awaits no probe
  __u64 probed;          // ns, CLOCK_MONOTONIC, when a connection was let through to see whether it answers again; 0: not yet
  __u32 failures;        // in a row
  __u32 ejections;       // in a row; 0: it answered since
  __be16 port;
  __u8 padding[6];
};

// What the programs know of a Service: by its number, made when it is first needed.
struct service_state {
  __u64 turns[SLOT_LISTS];  // next ones of SCHEDULER_TURNS, and where a scan begins
  __u32 ejecting;           // 1: somebody is about to eject a backend
  __u32 padding;
};

// Who may speak of a Service's backends: a client that never got through, since policy denies it, says nothing of them.
struct witness_key {
  __u64 client;  // cookie of its network namespace
  __u32 service;
  __u32 padding;
};

struct witness {
  __u32 failures_left;  // of its connections, that count until the next one is answered
};

_Static_assert(sizeof(struct frontend_key) == 20, "size is part of the ABI");
_Static_assert(sizeof(struct frontend) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct service) == 24, "size is part of the ABI");
_Static_assert(sizeof(struct slot_key) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct slot) == 4, "size is part of the ABI");
_Static_assert(sizeof(struct backend) == 32, "size is part of the ABI");
_Static_assert(sizeof(struct service_address) == 4, "size is part of the ABI");
_Static_assert(sizeof(struct node_address) == 4, "size is part of the ABI");
_Static_assert(sizeof(struct service_prefix_key) == 20, "size is part of the ABI");
_Static_assert(sizeof(struct service_name) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct affinity_key) == 20, "size is part of the ABI");
_Static_assert(sizeof(struct affinity) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct backend_state) == 80, "size is part of the ABI");
_Static_assert(sizeof(struct service_state) == 24, "size is part of the ABI");
_Static_assert(sizeof(struct witness_key) == 16, "size is part of the ABI");
_Static_assert(sizeof(struct witness) == 4, "size is part of the ABI");
