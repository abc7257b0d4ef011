// Where a new flow of the pod goes by the rows of Services.
#pragma once

#include "pair.h"
#include "schedule.h"
#include "transport.h"

// The node answers echo requests to Services: judged as a flow to the address by which it does, translated by others.
static __always_inline bool is_answered_ping(const struct packet *packet, struct opening *opening) {
  const struct flow_key *key = &packet->key;
  if (!is_echo_request(packet)) return false;
  const struct service_address *asked = bpf_map_lookup_elem(&service_addresses, &key->peer);
  if (!asked || !asked->pingable) return false;
  struct address family = key->peer;
  set_unspecified(&family);
  const struct address *answering = bpf_map_lookup_elem(&echo_addresses, &family);
  if (!answering) return false;
  opening->ends = (struct ends){.peer = *answering, .local_port = key->local_port, .peer_port = key->peer_port};
  opening->translation = TRANSLATION_ELSEWHERE;
  return true;
}

// What stands at a Service's address itself would be translated once more, to whom no verdict was about.
static __always_inline bool is_service(const struct backend *backend, __u8 protocol) {
  struct service_match beyond;
  match_service(&backend->address, backend->port, protocol, &beyond);
  return beyond.outcome != SERVICE_NONE;
}

// Who answers what the pod sends, and that backend's number; null where the rows are just being replaced.
static __always_inline const struct backend *choose_for_packet(const struct flow_key *key, struct opening *opening) {
  const __u32 service_number = opening->match.service;
  const struct service *service = bpf_map_lookup_elem(&services, &service_number);
  if (!service) return 0;
  struct choice choice = choice_of(&opening->match, service);
  choice.hashed = choice.scheduler == SCHEDULER_DESTINATION_HASH ? key->peer : key->local;
  __u32 number = remembered_backend(&opening->match, service, &key->local);
  if (!number || !stays(&choice, number)) number = draw(&choice);
  opening->backend = number;
  return bpf_map_lookup_elem(&backends, &number);
}

// Sets the opening's `match`, and where served the backend's ends and the translation to them.
SEPARATE int resolve(void) {
  const struct packet *packet = packet_in_hand();
  struct opening *opening = workspace_of(WORKSPACE_OPENING);
  if (!packet || !opening) return 0;
  const struct flow_key *key = &packet->key;
  if (key->covered) {
    // On its way the packet would have the ends of another flow: the peer stays, the port is changed.
    opening->match.outcome = SERVICE_SERVED;
    opening->ends = ends_of(key);
    opening->translation = TRANSLATION_TO_BACKEND;
    return 0;
  }
  if (is_answered_ping(packet, opening)) return 0;
  match_service(&key->peer, has_ports(key->protocol) ? key->peer_port : 0, key->protocol, &opening->match);
  if (opening->match.outcome != SERVICE_SERVED) return 0;
  const struct backend *backend = choose_for_packet(key, opening);
  if (!backend || is_service(backend, key->protocol)) {
    opening->match.outcome = SERVICE_DROPPED;
    return 0;
  }
  opening->ends = (struct ends){.peer = backend->address, .local_port = key->local_port, .peer_port = backend->port};
  opening->translation = TRANSLATION_TO_BACKEND;
  return 0;
}

static __always_inline enum drop_reason reason_of(enum service_outcome outcome) {
  if (outcome == SERVICE_NO_PORT) return DROP_NO_SERVICE_PORT;
  return outcome == SERVICE_NO_ADDRESS ? DROP_NO_SERVICE : DROP_NO_ENDPOINT;
}
