// The verdict of the rows.
#pragma once

#include "report.h"

#define PORT_BITS 16

static __always_inline __u32 find_peer_class(const struct packet *packet) {
  const struct peer *found = bpf_map_lookup_elem(&peer_addresses, &packet->key.peer);
  if (!found) {
    const struct peer_key key = {.prefix_length = 128, .address = packet->key.peer};
    found = bpf_map_lookup_elem(&peer_prefixes, &key);
  }
  return found ? found->peer_class[packet->revision & 1] : 0;
}

// The row with the longest prefix of the packet's port, among those of the lengths that the group says there are.
static __noinline const struct verdict *find_port(const struct packet *packet, const struct verdict_group_key *group,
                                                  __u32 port_lengths) {
  const bool to_pod = group->direction == DIRECTION_INGRESS;
  const __u32 port = bpf_ntohs(to_pod ? packet->key.local_port : packet->key.peer_port);
  struct port_key key = {
      .policy_class = group->policy_class,
      .peer_class = group->peer_class,
      .direction = group->direction,
      .protocol = packet->key.protocol,
  };
  for (int bits = PORT_BITS; bits >= 0; bits--) {
    if (!(port_lengths >> bits & 1)) continue;
    key.port = bpf_htons(port >> (PORT_BITS - bits) << (PORT_BITS - bits));
    key.bits = bits;
    const struct verdict *found = bpf_map_lookup_elem(&port_verdicts, &key);
    if (found) return found;
  }
  return 0;
}

static __noinline const struct verdict *find_verdict(const struct packet *packet, const struct subject *subject,
                                                     enum direction direction, __u32 peer_class) {
  const struct verdict_group_key key = {
      .policy_class = subject->policy_class[packet->revision & 1],
      .peer_class = peer_class,
      .direction = direction,
  };
  const struct verdict_group *group = bpf_map_lookup_elem(&verdict_groups, &key);
  if (!group) return 0;
  if (group->port_lengths && has_ports(packet->key.protocol)) {
    const struct verdict *found = find_port(packet, &key, group->port_lengths);
    if (found) return found;
  }
  return group->everything.action == VERDICT_NONE ? 0 : &group->everything;
}

// What the rows say of a flow opened in `direction` between the two ends of the packet in hand. The rows of the peer's
// class come first, then those for any peer.
SEPARATE int judge(const struct subject *subject, enum direction direction, struct decision *decision) {
  const struct packet *packet = packet_in_hand();
  if (!packet || !subject || !decision) return 0;
  const __u32 peer_class = find_peer_class(packet);
  const struct verdict *found = peer_class ? find_verdict(packet, subject, direction, peer_class) : 0;
  if (!found) found = find_verdict(packet, subject, direction, 0);
  if (!found) {
    decision->rule = 0;
    decision->audit_rule = 0;
    decision->reason = DROP_NO_VERDICT;
    return 0;
  }
  decision->rule = found->rule;
  decision->audit_rule = found->audit_rule;
  decision->reason = found->action == VERDICT_ALLOW ? DROP_NONE : DROP_POLICY;
  return 0;
}
