// Flows begin: whom they are for by the rows of Services, and whether they may by those of policies.
#pragma once

#include "connection.h"
#include "passage.h"
#include "resolve.h"
#include "translate.h"

// Packets that answer or report must not make a flow: the other direction would then pass as its reply.
static __always_inline bool can_open(const struct packet *packet) {
  if (packet->key.protocol == IPPROTO_TCP) return !(packet->tcp_flags & TCP_RST);
  if (!is_icmp(packet)) return true;
  return !is_icmp_error(packet) && packet->icmp_type != (packet->ipv6 ? 129 : 0);
}

// A flow passes that audited policies would deny.
static __always_inline void tell_audit(struct __sk_buff *skb, const struct packet *packet,
                                       const struct decision *decision, const struct ends *dialled) {
  count(TALLY_AUDITED);
  count_rule(packet, decision->audit_rule);
  send_event(skb, packet, EVENT_AUDIT, decision, dialled);
}

static __always_inline void tell_admission(struct __sk_buff *skb, const struct packet *packet,
                                           const struct decision *decision, const struct ends *dialled) {
  count(TALLY_ALLOWED);
  count_rule(packet, decision->rule);
  if (decision->audit_rule != 0) {
    tell_audit(skb, packet, decision, dialled);
  } else {
    send_event(skb, packet, EVENT_ALLOW, decision, dialled);
  }
}

// What the rows deny is answered where that is asked for.
static __always_inline int refuse(struct __sk_buff *skb, const struct packet *packet, enum drop_reason reason) {
  return options.answer_denied && reason == DROP_POLICY ? answer(skb, packet) : TC_ACT_SHOT;
}

// Judges a flow that begins, by where it is led, and tells of it as such.
static __noinline void judge_opening(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                     const struct opening *opening, struct decision *decision) {
  const struct ends arrived = ends_of(&packet->key);
  const struct ends *dialled = opening->translation == TRANSLATION_NONE ? 0 : &arrived;
  if (dialled) set_ends(&packet->key, &opening->ends);
  judge(subject, opening->direction, decision);
  if (decision->reason == DROP_NONE) {
    tell_admission(skb, packet, decision, dialled);
  } else {
    drop(skb, decision, dialled);
  }
  set_ends(&packet->key, &arrived);
}

// Writes the entries of a flow to a backend; its ends are those that were free afterwards. 0, -EEXIST if the pod's packets
// have an entry already, or another error.
SEPARATE int open_pair(struct __sk_buff *skb, const struct decision *decision, struct opening *opening) {
  const struct packet *packet = packet_in_hand();
  struct flow *flow = workspace_of(WORKSPACE_FLOW);
  if (!packet || !flow || !decision || !opening) return -EINVAL;
  const bool hairpin = is_hairpin(opening->translation);
  struct flow_key key = packet->key;
  *flow = (struct flow){
      .last_seen = packet->now,
      .packets = {1},
      .bytes = {skb->len},
      .revision = packet->revision,
      .rule = decision->rule,
      .audit_rule = decision->audit_rule,
      .direction = DIRECTION_EGRESS,
      .state = FLOW_OPENING,
      .origin = hairpin ? FLOW_EXEMPT : FLOW_JUDGED,
      .translation = hairpin ? TRANSLATION_BACK_AND_OUT : TRANSLATION_TO_SERVICE,
      .other = ends_of(&packet->key),
      .passage = packet->passage,
  };
  set_ends(&key, &opening->ends);
  const int taken = insert_back(&key, flow);
  if (taken != 0) return taken == -EEXIST ? -ENOSPC : taken;
  opening->ends = ends_of(&key);
  flow->translation = opening->translation;
  flow->other = opening->ends;
  flow->backend = opening->backend;
  const int failure = insert_flow(&packet->key, flow);
  if (failure != 0) remove_flow(&key);
  return failure;
}

// The pod is its own backend: no policy is asked, and it sees the reserved address as its client.
static __always_inline void come_back(const struct packet *packet, struct opening *opening) {
  opening->translation = TRANSLATION_OUT_AND_BACK;
  opening->ends.local_port = opening->ends.peer_port;
  opening->ends.peer_port = packet->key.local_port;
  opening->ends.peer = packet->ipv6 ? options.hairpin_ipv6 : options.hairpin_ipv4;
  count(TALLY_EXEMPT);
}

// Opens a flow to a backend.
static __noinline int admit_to_backend(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                       struct flow *old, struct opening *opening) {
  struct decision decision = {};
  if (packet->piece == PIECE_LATER) return drop_because(skb, DROP_UNKNOWN_FRAGMENT);
  if (same_address(&opening->ends.peer, &packet->key.local)) {
    come_back(packet, opening);
  } else {
    judge_opening(skb, packet, subject, opening, &decision);
    if (decision.reason != DROP_NONE) return refuse(skb, packet, decision.reason);
    find_passage(skb, packet, subject, &opening->ends.peer);
  }
  if (old) remove_entries(&packet->key, old);
  const int failure = open_pair(skb, &decision, opening);
  if (failure == -EEXIST) {
    // Another processor made the same flow meanwhile, to a backend of its own choice.
    const struct flow *entry = find_entry(&packet->key, DIRECTION_EGRESS);
    if (entry && is_front(entry->translation)) return translate(skb, packet, &entry->other, entry->translation);
  }
  if (failure != 0) return drop_because(skb, DROP_NO_TRANSLATION);
  count(TALLY_TRANSLATED);
  remember_backend(&opening->match, &packet->key.local, opening->backend);
  return translate(skb, packet, &opening->ends, opening->translation);
}

// True if this is the first packet of all that the pod's own flow has, and nobody but these programs changes its ends.
static __always_inline bool begins_here(const struct packet *packet, const struct opening *opening) {
  return opening->direction == DIRECTION_EGRESS && sent_by_pod(packet) && opening->origin == FLOW_JUDGED &&
         opening->translation == TRANSLATION_NONE && !opening->tracked && !is_middle(packet);
}

// A flow that goes where its packets say, or where conntrack leads them.
static __noinline int admit_as_it_is(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                                     struct flow *old, const struct opening *opening) {
  struct decision decision = {};
  if (opening->origin == FLOW_EXEMPT) {
    count(TALLY_EXEMPT);
  } else {
    judge_opening(skb, packet, subject, opening, &decision);
    if (decision.reason != DROP_NONE) return refuse(skb, packet, decision.reason);
  }
  if (can_open(packet)) {
    if (begins_here(packet, opening)) find_passage(skb, packet, subject, &packet->key.peer);
    open_flow(skb, packet, old, opening, &decision);
  }
  return pass(packet);
}

// Nobody is where the packet wants to go: told whatever is done about denials, as nft tells it.
static __always_inline int refuse_service(struct __sk_buff *skb, const struct packet *packet, enum drop_reason reason) {
  drop_because(skb, reason);
  return answer(skb, packet);
}

// What conntrack knows of a flow that was there first: the packet answers somebody, or goes on being translated there, perhaps
// back to the pod itself. A sender's own flags prove nothing. Where one end is translated the pod's side sees one of the
// connection's two tuples only.
static __noinline void ask_conntrack(struct __sk_buff *skb, const struct packet *packet, struct opening *opening) {
  const bool from_pod = sent_by_pod(packet);
  const struct ends own = ends_of(&packet->key);
  const enum tracked known = find_tracked(skb, packet, from_pod, &opening->ends);
  const bool reply = known == TRACKED_NOT ? find_tracked(skb, packet, !from_pod, &opening->ends) == TRACKED_ORIGINAL
                                          : known == TRACKED_REPLY;
  opening->tracked = known != TRACKED_NOT || reply;
  if (reply) opening->direction = from_pod ? DIRECTION_INGRESS : DIRECTION_EGRESS;
  // The tuple that is known was the pod's.
  const bool asked = from_pod ? known == TRACKED_ORIGINAL : known == TRACKED_NOT && reply;
  if (!asked || same_ends(&opening->ends, &own)) return;
  opening->translation = TRANSLATION_ELSEWHERE;
  if (same_address(&opening->ends.peer, &packet->key.local)) opening->origin = FLOW_EXEMPT;
}

// A packet of no flow; `old` is what the table has of one before.
static __noinline int admit(struct __sk_buff *skb, struct packet *packet, const struct subject *subject,
                            struct flow *old) {
  struct opening *opening = workspace_of(WORKSPACE_OPENING);
  if (!opening) return TC_ACT_SHOT;
  *opening = (struct opening){.direction = packet->direction};
  if (has_ports(packet->key.protocol) && !opens_tcp(packet)) ask_conntrack(skb, packet, opening);
  if (opening->translation == TRANSLATION_NONE && opening->direction == DIRECTION_EGRESS && can_open(packet) &&
      !is_middle(packet)) {
    resolve();
  }
  switch (opening->match.outcome) {
    case SERVICE_NONE:
      return admit_as_it_is(skb, packet, subject, old, opening);
    case SERVICE_SERVED:
      return admit_to_backend(skb, packet, subject, old, opening);
    case SERVICE_REFUSED:
    case SERVICE_NO_PORT:
      return refuse_service(skb, packet, reason_of(opening->match.outcome));
    default:
      return drop_because(skb, reason_of(opening->match.outcome));
  }
}
