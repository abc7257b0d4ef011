// The verdict of the rows.
#pragma once

#include "report.h"

static __always_inline struct verdict *find_verdict(const struct packet *packet, const struct subject *subject,
                                                    enum direction direction, __u32 peer_class) {
  const bool ports = has_ports(packet->key.protocol);
  const struct verdict_key key = {
      .prefix_length = 96,
      .policy_class = subject->policy_class[packet->revision & 1],
      .peer_class = peer_class,
      .direction = direction,
      .protocol = packet->key.protocol,
      .port = !ports ? 0 : direction == DIRECTION_INGRESS ? packet->key.local_port : packet->key.peer_port,
  };
  return bpf_map_lookup_elem(&verdicts, &key);
}

static __always_inline __u32 find_peer_class(const struct packet *packet) {
  const struct peer_key key = {.prefix_length = 128, .address = packet->key.peer};
  const struct peer *found = bpf_map_lookup_elem(&peers, &key);
  return found ? found->peer_class[packet->revision & 1] : 0;
}

// What the rows say of a flow opened in `direction` between the packet's two ends. Two look-ups at most: the rows of the
// peer's class, then those for any peer.
static __noinline void judge(const struct packet *packet, const struct subject *subject, enum direction direction,
                             struct decision *decision) {
  const __u32 peer_class = find_peer_class(packet);
  const struct verdict *found = peer_class ? find_verdict(packet, subject, direction, peer_class) : 0;
  if (!found) found = find_verdict(packet, subject, direction, 0);
  if (!found) {
    decision->rule = 0;
    decision->audit_rule = 0;
    decision->reason = DROP_NO_VERDICT;
    return;
  }
  decision->rule = found->rule;
  decision->audit_rule = found->audit_rule;
  decision->reason = found->action == VERDICT_ALLOW ? DROP_NONE : DROP_POLICY;
}
