// Which Service a destination stands for, and who answers there: for what local pods and this node send, whether packets
// or sockets. The order of look-ups is that of src/explain/decide.ts.
#pragma once

#include <stdbool.h>

#include <bpf/bpf_endian.h>

#include "../maps/service.h"

#define NANOSECONDS_PER_SECOND 1000000000ULL

enum service_outcome {
  SERVICE_NONE,        // no Service's
  SERVICE_SERVED,      // by the backends of a list
  SERVICE_REFUSED,     // no endpoint
  SERVICE_DROPPED,     // no endpoint where the traffic policy asks for one
  SERVICE_NO_PORT,     // a cluster IP without this port: refused
  SERVICE_NO_ADDRESS,  // of Services alone, and no Service has it: dropped
};

struct service_match {
  enum service_outcome outcome;
  __u32 service;        // number, and
  enum slot_list list;  // where served
};

static __always_inline bool is_mapped_ipv4(const struct address *address) {
  const __u32 *words = (const __u32 *)address->bytes;
  return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

static __always_inline void set_unspecified(struct address *address) {
  __u32 *words = (__u32 *)address->bytes;
  words[2] = is_mapped_ipv4(address) ? bpf_htonl(0xffff) : 0;
  words[0] = words[1] = words[3] = 0;
}

// False where the row does not exist for what is sent from inside.
static __always_inline bool match_treatment(__u32 service, enum treatment treatment, struct service_match *match) {
  if (treatment == TREATMENT_PASS) return false;
  match->service = service;
  match->list = treatment == TREATMENT_LOCAL ? LIST_LOCAL : LIST_CLUSTER;
  match->outcome = treatment == TREATMENT_REJECT ? SERVICE_REFUSED
                   : treatment == TREATMENT_DROP ? SERVICE_DROPPED
                                                 : SERVICE_SERVED;
  return true;
}

static __always_inline bool match_frontend(struct frontend_key *key, enum frontend_scope scope,
                                           struct service_match *match) {
  key->scope = scope;
  const struct frontend *frontend = bpf_map_lookup_elem(&frontends, key);
  return frontend && match_treatment(frontend->service, frontend->inside, match);
}

// At an address of a node: host ports, then node ports; at another node's, node ports that are resolved here.
static __always_inline bool match_node(struct frontend_key *key, enum node_address_kind kind,
                                       struct service_match *match) {
  if (kind != NODE_ADDRESS_OTHER && match_frontend(key, FRONTEND_HOST_PORT, match)) return true;
  set_unspecified(&key->address);
  if (kind != NODE_ADDRESS_OTHER && match_frontend(key, FRONTEND_HOST_PORT, match)) return true;
  if (kind == NODE_ADDRESS_OWN) return false;
  if (kind == NODE_ADDRESS_SERVED) return match_frontend(key, FRONTEND_NODE_PORT, match);
  key->scope = FRONTEND_NODE_PORT;
  const struct frontend *frontend = bpf_map_lookup_elem(&frontends, key);
  return frontend && match_treatment(frontend->service, frontend->elsewhere, match);
}

// False where no frontend is meant; the port of a protocol without ports is 0.
static __always_inline bool match_frontends(const struct address *address, __be16 port, __u8 protocol,
                                            struct service_match *match) {
  struct frontend_key key = {.address = *address, .port = port, .protocol = protocol};
  if (match_frontend(&key, FRONTEND_EXACT, match)) return true;
  const struct node_address *node = bpf_map_lookup_elem(&node_addresses, address);
  return node && match_node(&key, node->kind, match);
}

// The same, and whether the destination is of Services alone: what no row serves there is refused, or dropped.
static __always_inline void match_service(const struct address *address, __be16 port, __u8 protocol,
                                          struct service_match *match) {
  *match = (struct service_match){};
  if (match_frontends(address, port, protocol, match)) return;
  const struct service_address *known = bpf_map_lookup_elem(&service_addresses, address);
  if (known && known->kind == SERVICE_ADDRESS_CLUSTER_IP) {
    match->outcome = SERVICE_NO_PORT;
    return;
  }
  const struct service_prefix_key key = {.prefix_length = 8 * sizeof(*address), .address = *address};
  if (bpf_map_lookup_elem(&service_prefixes, &key)) match->outcome = SERVICE_NO_ADDRESS;
}

// The backend if connections may go to it still: its number stands for it, and it is in the list.
static __always_inline const struct backend *eligible_backend(const struct service_match *match, __u32 number) {
  const struct backend *backend = bpf_map_lookup_elem(&backends, &number);
  if (!backend || backend->service != match->service) return 0;
  return backend->lists & (1 << match->list) ? backend : 0;
}

// Number of the backend that the client keeps; 0: none.
static __always_inline __u32 remembered_backend(const struct service_match *match, const struct service *service,
                                                const struct address *client) {
  if (!service->affinity_seconds) return 0;
  const struct affinity_key key = {.client = *client, .service = match->service};
  const struct affinity *affinity = bpf_map_lookup_elem(&affinities, &key);
  if (!affinity) return 0;
  if (bpf_ktime_get_ns() - affinity->last_used >= service->affinity_seconds * NANOSECONDS_PER_SECOND) return 0;
  const __u32 number = affinity->backend;
  return eligible_backend(match, number) ? number : 0;
}

// Number of the backend; 0 where the rows are just being replaced.
static __always_inline __u32 backend_in_slot(__u32 service, __u32 generation, enum slot_list list, __u32 index) {
  const struct slot_key key = {.service = service, .generation = generation, .slot = index, .list = list};
  const struct slot *slot = bpf_map_lookup_elem(&slots, &key);
  return slot ? slot->backend : 0;
}

// Has the client's next connection go to the same backend, where the Service asks for that.
static __always_inline void remember_backend(const struct service_match *match, const struct address *client,
                                             __u32 number) {
  const struct service *service = bpf_map_lookup_elem(&services, &match->service);
  if (!service || !service->affinity_seconds) return;
  const struct affinity_key key = {.client = *client, .service = match->service};
  const struct affinity affinity = {.last_used = bpf_ktime_get_ns(), .backend = number};
  bpf_map_update_elem(&affinities, &key, &affinity, BPF_ANY);
}
