// What sockets remember that dialled a Service, and the options of their programs.
#pragma once

#include "address.h"

struct endpoint {
  struct address address;
  __be16 port;
  __u8 padding[2];
};

// One Service that a socket talks to.
struct socket_peer {
  struct endpoint dialled;  // what its process knows; port 0: no peer
  struct endpoint backend;  // what the kernel knows
  __u32 number;             // of the backend; 0: only late answers come from it
};

// What a socket remembers that is, or was, connected to a Service.
struct connected_peer {
  struct socket_peer peer;
  __u32 service;  // number
  __u32 counted;  // id of the map in which the connection counts as open; 0: it does not
  __u8 watched;   // 1: its failure is one of the backend's
  __u8 failed;    // 1: it was refused, or not answered in time
  __u8 padding[2];
};

// Peers that a datagram socket sends to without being connected; the eldest makes room.
#define SOCKET_PEERS 8

struct socket_peers {
  struct socket_peer peers[SOCKET_PEERS];
  __u32 last;  // index of the one that was sent to last
};

enum socket_tally {
  SOCKET_TALLY_CONNECTED = 0,  // connects that went to a backend
  SOCKET_TALLY_SENT = 1,       // backends chosen for messages of sockets that are not connected
  SOCKET_TALLY_REFUSED = 2,    // connects and messages to Services that nobody answers for
  SOCKET_TALLY_FAILED = 3,     // connections that were refused or not answered in time, by backends that may be ejected
  SOCKET_TALLY_EJECTED = 4,    // times that a backend was ejected
  SOCKET_TALLY_RETURNED = 5,   // times that an ejected one answered again
  SOCKET_TALLY_ENDED = 6,      // sockets closed under their processes because their backend went
} __attribute__((packed));

#define SOCKET_TALLIES (SOCKET_TALLY_ENDED + 1)

struct socket_count {
  __u64 count;
};

// A network namespace by its cookie, which no other one ever gets.
struct exempt_namespace {
  __u64 cookie;
};

// A backend of a Service whose connections are to end some time after it went.
struct departure {
  __u64 departed_at;         // ns, CLOCK_MONOTONIC; 0: its endpoint is there still, only not for new connections
  __u64 seen;                // the same, when a connection to it was met last
  __u8 service[16];          // the Service, as in struct service_name
  struct endpoint endpoint;
  __u32 grace_seconds;       // from departed_at on
};

// Set before loading, constant afterwards.
struct socket_options {
  __u64 node_namespace;  // cookie of the node's own network namespace
  __u32 node_only;       // 1: sockets of other namespaces, the pods', are left alone
  __u32 padding;
};

_Static_assert(sizeof(struct endpoint) == 20, "size is part of the ABI");
_Static_assert(sizeof(struct socket_peer) == 44, "size is part of the ABI");
_Static_assert(sizeof(struct connected_peer) == 56, "size is part of the ABI");
_Static_assert(sizeof(struct socket_peers) == 356, "size is part of the ABI");
_Static_assert(sizeof(struct socket_count) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct exempt_namespace) == 8, "size is part of the ABI");
_Static_assert(sizeof(struct departure) == 56, "size is part of the ABI");
_Static_assert(sizeof(struct socket_options) == 16, "size is part of the ABI");
