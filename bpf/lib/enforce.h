// The way of a packet: a flow that is known goes on at once; everything else is looked at closely.
#pragma once

#include <linux/if_ether.h>

#include "admit.h"
#include "link_local.h"
#include "related.h"

#define UNDECIDED -100  // no verdict of tc

// Counts a packet of a known flow and sends it on. `entry` is what the packet's ends are found by, `flow` what is known.
static __noinline int go_on(struct __sk_buff *skb, struct packet *packet, const struct flow *entry, struct flow *flow) {
  const enum translation translation = entry->translation;
  packet->passage = flow->passage;
  advance(skb, packet, flow, is_hairpin(translation) ? is_back(translation) : flow->direction != packet->direction);
  if (!is_front(translation) && !is_back(translation)) return pass(packet);
  return translate(skb, packet, &entry->other, translation);
}

// Datagrams do not tell the pod that their backend is gone: another one is chosen. What conntrack translates is known as
// long as that does.
static __noinline bool has_lost_backend(struct __sk_buff *skb, const struct packet *packet, const struct flow *entry) {
  if (entry->translation == TRANSLATION_ELSEWHERE) {
    struct ends now;
    if (!sent_by_pod(packet) || !has_ports(packet->key.protocol)) return false;
    return !is_led_elsewhere(skb, packet, &now) || !same_ends(&now, &entry->other);
  }
  if (packet->key.protocol != IPPROTO_UDP || !is_front(entry->translation) || packet->key.covered) return false;
  const struct backend *backend = bpf_map_lookup_elem(&backends, &entry->backend);
  if (!backend || backend->lists == 0) return true;
  // The number may be another one's by now.
  const bool hairpin = is_hairpin(entry->translation);
  const __be16 port = hairpin ? entry->other.local_port : entry->other.peer_port;
  return backend->port != port ||
         !same_address(&backend->address, hairpin ? &packet->key.local : &entry->other.peer);
}

// What is known of the flow that the packet goes on with; 0 if it goes on with none.
static __noinline struct flow *find_open_flow(struct __sk_buff *skb, const struct packet *packet, struct flow *entry) {
  struct flow *flow = find_flow(&packet->key, entry);
  if (!flow || has_ended(&packet->key, flow, packet->now) || opens_again(packet, flow)) return 0;
  return entry->translation != TRANSLATION_NONE && has_lost_backend(skb, packet, entry) ? 0 : flow;
}

// The rows changed since the flow was judged. One that is no longer allowed stays in the table as it was: its next packets
// are judged here again, and none of them is taken for one from the middle of a connection the other way.
static __noinline int judge_again(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                  const struct flow *entry, struct flow *flow) {
  const struct ends arrived = ends_of(&packet->key);
  struct decision decision = {};
  const struct ends *dialled = 0;
  if (is_back(entry->translation)) {
    dialled = &entry->other;
  } else if (entry->translation != TRANSLATION_NONE) {
    dialled = &arrived;
    set_ends(&packet->key, &entry->other);
  }
  judge(subject, flow->direction, &decision);
  count(TALLY_REJUDGED);
  if (decision.reason == DROP_NONE) {
    if (decision.audit_rule != 0 && flow->audit_rule == 0) tell_audit(skb, packet, &decision, dialled);
    flow->rule = decision.rule;
    flow->audit_rule = decision.audit_rule;
    flow->revision = packet->revision;
    // By the way that the packet came, its answer goes.
    if (flow->passage != 0) {
      if (sent_by_pod(packet)) find_passage(skb, packet, subject, &packet->key.peer);
      flow->passage = packet->passage;
    }
  } else {
    count_drop(packet, decision.reason);
    count_rule(packet, decision.rule);
    if (flow->rule != 0) {
      flow->rule = 0;
      count(TALLY_CUT);
      send_event(skb, packet, EVENT_CUT, &decision, dialled);
    }
  }
  set_ends(&packet->key, &arrived);
  return decision.reason == DROP_NONE ? go_on(skb, packet, entry, flow) : refuse(skb, packet, decision.reason);
}

static __always_inline int judge_packet(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                        struct flow *entry, struct flow *flow) {
  if (!flow) return admit(skb, packet, subject, entry);
  if (flow->origin == FLOW_EXEMPT) flow->revision = packet->revision;
  if (flow->revision == packet->revision) return go_on(skb, packet, entry, flow);
  return judge_again(skb, packet, subject, entry, flow);
}

// From the pod's own node: passes whatever the rows say, and so do the replies.
static __noinline int exempt(const struct __sk_buff *skb, struct packet *packet, struct flow *entry, struct flow *flow) {
  if (packet->piece == PIECE_LATER) return PASS;
  if (flow) {
    advance(skb, packet, flow, flow->direction != packet->direction);
  } else if (can_open(packet)) {
    const struct opening opening = {.direction = packet->direction, .origin = FLOW_EXEMPT};
    const struct decision decision = {};
    open_flow(skb, packet, entry, &opening, &decision);
    count(TALLY_EXEMPT);
  }
  return PASS;
}

static __always_inline int meet_stranger(struct __sk_buff *skb, const struct packet *packet) {
  return options.unknown_interface_closed ? drop_because(skb, DROP_CLOSED) : PASS;
}

// Sent by a process on the node, or by the pod to itself by way of a Service.
static __always_inline bool is_exempt(const struct __sk_buff *skb, const struct packet *packet) {
  return !sent_by_pod(packet) && (skb->ingress_ifindex == 0 || skb->ingress_ifindex == packet->key.interface);
}

// An ICMP error passes if it is about a flow of the pod, translated if that is; else it is UNDECIDED.
static __noinline int report_error(struct __sk_buff *skb, struct packet *packet, bool judged) {
  struct packet *quoted = workspace_of(WORKSPACE_QUOTED);
  if (!quoted) return TC_ACT_SHOT;
  const struct flow *about = find_related(skb, packet, quoted);
  if (!about) return UNDECIDED;
  const bool translated = is_front(about->translation) || is_back(about->translation);
  if (!translated && !judged) return UNDECIDED;
  packet->passage = quoted->passage;
  return translated ? translate_error(skb, packet, quoted, about) : pass(packet);
}

// A packet that is what it says it is: its flow decides, or the pod's rows.
static __noinline int go_by_state(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                  struct flow *entry) {
  const enum subject_state state = state_of(packet, subject);
  if (state != SUBJECT_OPEN && state != SUBJECT_JUDGED) return drop_because(skb, DROP_CLOSED);
  const bool exempted = is_exempt(skb, packet);
  const bool judged = state == SUBJECT_JUDGED && !exempted && !same_address(&packet->key.local, &packet->key.peer);
  if (packet->piece == PIECE_LATER) {
    const enum drop_reason reason = follow_fragment(packet);
    if (reason != DROP_NONE) return judged ? drop_because(skb, reason) : PASS;
    entry = find_entry(&packet->key, packet->direction);
  }
  if (is_icmp_error(packet)) {
    const int verdict = report_error(skb, packet, judged);
    if (verdict != UNDECIDED) return verdict;
  }
  struct flow *flow = entry ? find_open_flow(skb, packet, entry) : 0;
  if (judged) return judge_packet(skb, packet, subject, entry, flow);
  // What is translated stays so, whatever becomes of the pod's policies.
  if (flow && flow->translation != TRANSLATION_NONE) {
    flow->passage = 0;
    return go_on(skb, packet, entry, flow);
  }
  return state == SUBJECT_JUDGED && exempted ? exempt(skb, packet, entry, flow) : PASS;
}

static __always_inline int look_closely(struct __sk_buff *skb, struct packet *packet, struct flow *entry) {
  const struct subject *subject = bpf_map_lookup_elem(&subjects, &packet->key.interface);
  if (!subject) return meet_stranger(skb, packet);
  switch (answer_link_local(skb, packet, subject)) {
    case LINK_LOCAL_PASS:
      return PASS;
    case LINK_LOCAL_ROGUE_ROUTER:
      return drop_because(skb, DROP_ROGUE_ROUTER);
    case LINK_LOCAL_SPOOFED:
      return drop_because(skb, DROP_SPOOFED_NEIGHBOUR);
    case LINK_LOCAL_NOT:
      break;
  }
  if (sent_by_pod(packet) && !has_address(subject, packet, &packet->key.local)) {
    return drop_because(skb, DROP_SPOOFED_SOURCE);
  }
  return go_by_state(skb, packet, subject, entry);
}

// A packet with the ends of a flow that is translated; UNDECIDED if it has to be looked at closely.
static __noinline int meet_translated(struct __sk_buff *skb, struct packet *packet, struct flow *entry) {
  if (!is_for(entry, packet->direction)) {
    // What the pod sent to itself was judged as it came.
    if (is_hairpin(entry->translation) && skb->ingress_ifindex == packet->key.interface) return PASS;
    entry = find_entry(&packet->key, packet->direction);
  }
  struct flow *flow = entry ? find_open_flow(skb, packet, entry) : 0;
  return flow && flow->revision == packet->revision ? go_on(skb, packet, entry, flow) : UNDECIDED;
}

// Neither IPv4 nor IPv6.
static __noinline int enforce_other(struct __sk_buff *skb, const struct packet *packet) {
  const struct subject *subject = bpf_map_lookup_elem(&subjects, &packet->key.interface);
  if (!subject) return meet_stranger(skb, packet);
  if (skb->protocol == bpf_htons(ETH_P_ARP) && !skb->vlan_present) {
    if (!sent_by_pod(packet) || arp_is_honest(skb, subject)) return PASS;
    return drop_because(skb, DROP_SPOOFED_NEIGHBOUR);
  }
  return state_of(packet, subject) == SUBJECT_OPEN ? PASS : drop_because(skb, DROP_ETHERTYPE);
}

static __always_inline bool goes_on(const struct packet *packet, const struct flow *flow) {
  return flow->revision == packet->revision && !has_ended(&packet->key, flow, packet->now) &&
         !opens_again(packet, flow);
}

static __always_inline __u32 read_revision(void) {
  const __u32 zero = 0;
  const volatile __u32 *current = bpf_map_lookup_elem(&revision, &zero);
  return current ? *current : 0;
}

// The verdict at the interface and in the direction that the packet says.
static __always_inline int decide(struct __sk_buff *skb, struct packet *packet) {
  struct flow *flow = packet->piece == PIECE_LATER ? 0 : bpf_map_lookup_elem(&flows, &packet->key);
  if (flow && flow->translation != TRANSLATION_NONE) {
    const int verdict = meet_translated(skb, packet, flow);
    if (verdict != UNDECIDED) return verdict;
    flow = find_entry(&packet->key, packet->direction);
  } else if (flow && goes_on(packet, flow)) {
    packet->passage = flow->passage;
    advance(skb, packet, flow, flow->direction != packet->direction);
    return pass(packet);
  }
  return look_closely(skb, packet, flow);
}

static __always_inline int enforce(struct __sk_buff *skb, struct packet *packet, enum direction direction) {
  *packet = (struct packet){
      .key = {.interface = skb->ifindex},
      .revision = read_revision(),
      .now = bpf_ktime_get_coarse_ns(),
      .direction = direction,
  };
  const __be16 protocol = skb->vlan_present ? 0 : skb->protocol;
  enum drop_reason reason;
  if (protocol == bpf_htons(ETH_P_IP)) {
    reason = parse_ipv4(skb, packet, ETHERNET_BYTES);
  } else if (protocol == bpf_htons(ETH_P_IPV6)) {
    reason = parse_ipv6(skb, packet, ETHERNET_BYTES);
  } else {
    return enforce_other(skb, packet);
  }
  if (reason != DROP_NONE) return drop_because(skb, reason);
  return decide(skb, packet);
}

// What the pod may send goes to another pod of the node at once, where that is possible and that pod may get it: what the
// program there would say and note down is said and noted here.
static __always_inline int pass_by(struct __sk_buff *skb, struct packet *packet) {
  const struct link_ends *ends = bpf_map_lookup_elem(&link_ends, &packet->passage);
  if (!ends || needs_stack(skb, packet)) return PASS;
  turn_packet(packet);
  const int verdict = decide(skb, packet);
  return verdict == PASS ? hand_over(skb, packet, ends) : verdict;
}
