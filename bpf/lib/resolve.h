// Where a new flow of the pod goes by the rows of Services.
#pragma once

#include "pair.h"

// Sets `match`, and where served the backend's ends and the translation to them.
SEPARATE int resolve(const struct packet *packet, struct opening *opening) {
  if (!packet || !opening) return 0;
  const struct flow_key *key = &packet->key;
  if (key->covered) {
    // On its way the packet would have the ends of another flow: the peer stays, the port is changed.
    opening->match.outcome = SERVICE_SERVED;
    opening->ends = ends_of(key);
    opening->translation = TRANSLATION_TO_BACKEND;
    return 0;
  }
  match_service(&key->peer, has_ports(key->protocol) ? key->peer_port : 0, key->protocol, &opening->match);
  if (opening->match.outcome != SERVICE_SERVED) return 0;
  const struct backend *backend = choose_backend(&opening->match, &key->local, &opening->backend);
  if (!backend) {
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
