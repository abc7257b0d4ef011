// The way of a packet: a flow that is known goes on at once; everything else is looked at closely.
#pragma once

#include <linux/if_ether.h>

#include "answer.h"
#include "connection.h"
#include "flow.h"
#include "fragments.h"
#include "ipv4.h"
#include "ipv6.h"
#include "link_local.h"
#include "related.h"

// Lets other programs on the hook have their say.
#define PASS TC_ACT_UNSPEC

static __always_inline int pass(const struct packet *packet) {
  if (packet->piece == PIECE_FIRST) remember_fragment(packet);
  return PASS;
}

static __always_inline bool goes_on(const struct packet *packet, const struct flow *flow) {
  return flow->revision == packet->revision && !has_ended(&packet->key, flow, packet->now) &&
         !opens_again(packet, flow);
}

static __always_inline int go_on(const struct __sk_buff *skb, const struct packet *packet, struct flow *flow) {
  advance(skb, packet, flow);
  return pass(packet);
}

// Packets that answer or report must not make a flow: the other direction would then pass as its reply.
static __always_inline bool can_open(const struct packet *packet) {
  if (packet->key.protocol == IPPROTO_TCP) return !(packet->tcp_flags & TCP_RST);
  if (!is_icmp(packet)) return true;
  return !is_icmp_error(packet) && packet->icmp_type != (packet->ipv6 ? 129 : 0);
}

static __always_inline void tell_admission(struct __sk_buff *skb, const struct packet *packet,
                                           const struct decision *decision) {
  count(TALLY_ALLOWED);
  count_rule(packet, decision->rule);
  if (decision->audit_rule != 0) {
    count(TALLY_AUDITED);
    count_rule(packet, decision->audit_rule);
    send_event(skb, packet, EVENT_AUDIT, decision);
  } else if (options.allow_sample != 0 && bpf_get_prandom_u32() % options.allow_sample == 0) {
    send_event(skb, packet, EVENT_ALLOW, decision);
  }
}

// What the rows deny is answered where that is asked for.
static __always_inline int refuse(struct __sk_buff *skb, const struct packet *packet, enum drop_reason reason) {
  return options.answer_denied && reason == DROP_POLICY ? answer(skb, packet) : TC_ACT_SHOT;
}

// A packet of no flow. TCP from the middle of a connection is judged as its opening, and as a reply where conntrack knows it
// for one: connections that were there first live on if either is allowed.
static __noinline int admit(struct __sk_buff *skb, const struct packet *packet, const struct subject *subject,
                            struct flow *old) {
  struct flow opened = {.direction = packet->direction, .origin = FLOW_JUDGED};
  struct decision decision = {};
  judge(packet, subject, opened.direction, &decision);
  if (decision.reason == DROP_POLICY && packet->key.protocol == IPPROTO_TCP && !opens_tcp(packet) &&
      is_tracked_reply(skb, packet)) {
    struct decision back = {};
    const enum direction other = sent_by_pod(packet) ? DIRECTION_INGRESS : DIRECTION_EGRESS;
    judge(packet, subject, other, &back);
    if (back.reason == DROP_NONE) {
      decision = back;
      opened.direction = other;
    }
  }
  if (decision.reason != DROP_NONE) {
    drop(skb, packet, &decision);
    return refuse(skb, packet, decision.reason);
  }
  opened.rule = decision.rule;
  opened.audit_rule = decision.audit_rule;
  if (can_open(packet)) open_flow(skb, packet, old, &opened);
  tell_admission(skb, packet, &decision);
  return pass(packet);
}

// The rows changed since the flow was judged. One that is no longer allowed stays in the table as it was: its next packets
// are judged here again, and none of them is taken for one from the middle of a connection the other way.
static __noinline int judge_again(struct __sk_buff *skb, const struct packet *packet, const struct subject *subject,
                                  struct flow *flow) {
  struct decision decision = {};
  judge(packet, subject, flow->direction, &decision);
  count(TALLY_REJUDGED);
  if (decision.reason == DROP_NONE) {
    flow->rule = decision.rule;
    flow->audit_rule = decision.audit_rule;
    flow->revision = packet->revision;
    return go_on(skb, packet, flow);
  }
  count_drop(packet, decision.reason);
  count_rule(packet, decision.rule);
  if (flow->rule != 0) {
    flow->rule = 0;
    count(TALLY_CUT);
    send_event(skb, packet, EVENT_CUT, &decision);
  }
  return refuse(skb, packet, decision.reason);
}

// From the pod's own node, or back from the pod itself: passes whatever the rows say, and so do the replies.
static __noinline int exempt(const struct __sk_buff *skb, const struct packet *packet) {
  if (packet->piece == PIECE_LATER) return PASS;
  struct flow *flow = bpf_map_lookup_elem(&flows, &packet->key);
  if (flow && !has_ended(&packet->key, flow, packet->now) && !opens_again(packet, flow)) {
    advance(skb, packet, flow);
    return PASS;
  }
  if (can_open(packet)) {
    const struct flow opened = {.direction = packet->direction, .origin = FLOW_EXEMPT};
    open_flow(skb, packet, flow, &opened);
    count(TALLY_EXEMPT);
  }
  return PASS;
}

static __noinline int judge_packet(struct __sk_buff *skb, struct packet *packet, const struct subject *subject) {
  if (packet->piece == PIECE_LATER) {
    const enum drop_reason reason = follow_fragment(packet);
    if (reason != DROP_NONE) return drop_because(skb, packet, reason);
  }
  if (is_icmp_error(packet) && is_related(skb, packet)) return pass(packet);
  struct flow *flow = bpf_map_lookup_elem(&flows, &packet->key);
  if (!flow || has_ended(&packet->key, flow, packet->now) || opens_again(packet, flow)) {
    return admit(skb, packet, subject, flow);
  }
  if (flow->origin == FLOW_EXEMPT) flow->revision = packet->revision;
  if (flow->revision == packet->revision) return go_on(skb, packet, flow);
  return judge_again(skb, packet, subject, flow);
}

static __always_inline enum subject_state state_of(const struct packet *packet, const struct subject *subject) {
  return subject->state[packet->revision & 1];
}

static __always_inline int meet_stranger(struct __sk_buff *skb, const struct packet *packet) {
  return options.unknown_interface_closed ? drop_because(skb, packet, DROP_CLOSED) : PASS;
}

// Sent by a process on the node, or by the pod to itself by way of a Service.
static __always_inline bool is_exempt(const struct __sk_buff *skb, const struct packet *packet) {
  return !sent_by_pod(packet) && (skb->ingress_ifindex == 0 || skb->ingress_ifindex == skb->ifindex);
}

static __always_inline bool is_own_address(const struct packet *packet, const struct subject *subject) {
  if (packet->ipv6) return same_address(&packet->key.local, &subject->ipv6);
  return same_address(&packet->key.local, &subject->ipv4);
}

static __noinline int look_closely(struct __sk_buff *skb, struct packet *packet) {
  const struct subject *subject = bpf_map_lookup_elem(&subjects, &packet->key.interface);
  if (!subject) return meet_stranger(skb, packet);
  switch (answer_link_local(skb, packet, subject)) {
    case LINK_LOCAL_PASS:
      return PASS;
    case LINK_LOCAL_ROGUE_ROUTER:
      return drop_because(skb, packet, DROP_ROGUE_ROUTER);
    case LINK_LOCAL_SPOOFED:
      return drop_because(skb, packet, DROP_SPOOFED_NEIGHBOUR);
    case LINK_LOCAL_NOT:
      break;
  }
  if (sent_by_pod(packet) && !is_own_address(packet, subject)) {
    return drop_because(skb, packet, DROP_SPOOFED_SOURCE);
  }
  const enum subject_state state = state_of(packet, subject);
  if (state == SUBJECT_OPEN) return PASS;
  if (state != SUBJECT_JUDGED) return drop_because(skb, packet, DROP_CLOSED);
  if (is_exempt(skb, packet)) return exempt(skb, packet);
  if (same_address(&packet->key.local, &packet->key.peer)) return PASS;
  return judge_packet(skb, packet, subject);
}

// Neither IPv4 nor IPv6.
static __noinline int enforce_other(struct __sk_buff *skb, const struct packet *packet) {
  const struct subject *subject = bpf_map_lookup_elem(&subjects, &packet->key.interface);
  if (!subject) return meet_stranger(skb, packet);
  if (skb->protocol == bpf_htons(ETH_P_ARP) && !skb->vlan_present) {
    if (!sent_by_pod(packet) || arp_is_honest(skb, subject)) return PASS;
    return drop_because(skb, packet, DROP_SPOOFED_NEIGHBOUR);
  }
  return state_of(packet, subject) == SUBJECT_OPEN ? PASS : drop_because(skb, packet, DROP_ETHERTYPE);
}

static __always_inline __u32 read_revision(void) {
  const __u32 zero = 0;
  const volatile __u32 *current = bpf_map_lookup_elem(&revision, &zero);
  return current ? *current : 0;
}

static __always_inline int enforce(struct __sk_buff *skb, enum direction direction) {
  struct packet packet = {
      .revision = read_revision(),
      .now = bpf_ktime_get_coarse_ns(),
      .direction = direction,
  };
  packet.key.interface = skb->ifindex;
  const __be16 protocol = skb->vlan_present ? 0 : skb->protocol;
  enum drop_reason reason;
  if (protocol == bpf_htons(ETH_P_IP)) {
    reason = parse_ipv4(skb, &packet, ETHERNET_BYTES);
  } else if (protocol == bpf_htons(ETH_P_IPV6)) {
    reason = parse_ipv6(skb, &packet, ETHERNET_BYTES);
  } else {
    return enforce_other(skb, &packet);
  }
  if (reason != DROP_NONE) return drop_because(skb, &packet, reason);
  struct flow *flow = packet.piece == PIECE_LATER ? 0 : bpf_map_lookup_elem(&flows, &packet.key);
  if (flow && goes_on(&packet, flow)) return go_on(skb, &packet, flow);
  return look_closely(skb, &packet);
}
