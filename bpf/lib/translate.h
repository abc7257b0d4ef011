// Packets of translated flows get the ends that the other side knows.
#pragma once

#include "answer.h"
#include "fragments.h"
#include "pair.h"
#include "rewrite.h"

// Lets other programs on the hook have their say.
#define PASS TC_ACT_UNSPEC

static __always_inline int pass(const struct packet *packet) {
  if (packet->piece == PIECE_FIRST) remember_fragment(packet);
  return PASS;
}

// Back to where it came from.
static __always_inline int reflect(struct __sk_buff *skb) {
  return swap_link_addresses(skb) ? bpf_redirect(skb->ifindex, 0) : TC_ACT_SHOT;
}

// Sends the packet on with other ends, which are its own then.
SEPARATE int translate(struct __sk_buff *skb, struct packet *packet, const struct ends *ends,
                       enum translation translation) {
  if (!packet || !ends) return TC_ACT_SHOT;
  const bool from_pod = sent_by_pod(packet);
  const bool hairpin = is_hairpin(translation);
  const struct ends arrived = ends_of(&packet->key);
  struct change *change = workspace_of(WORKSPACE_CHANGE);
  if (!change) return TC_ACT_SHOT;
  set_tuple(&change->before, &packet->key.local, &arrived, from_pod);
  set_tuple(&change->after, &packet->key.local, ends, from_pod != hairpin);
  pass(packet);
  if (!rewrite(skb, packet, change)) return drop_because(skb, DROP_NO_TRANSLATION);
  set_ends(&packet->key, ends);
  return hairpin ? reflect(skb) : PASS;
}

// An ICMP error about a translated flow: the packet that it quotes becomes the one that whoever gets the error has sent,
// and the error itself comes from or goes to whom that one was for.
SEPARATE int translate_error(struct __sk_buff *skb, struct packet *error, const struct packet *quoted,
                             const struct flow *entry) {
  if (!error || !quoted || !entry) return TC_ACT_SHOT;
  const bool hairpin = is_hairpin(entry->translation);
  const bool from_pod = sent_by_pod(error);
  const struct ends arrived = ends_of(&quoted->key);
  struct change *change = workspace_of(WORKSPACE_CHANGE);
  if (!change) return TC_ACT_SHOT;
  set_tuple(&change->before, &error->key.local, &arrived, !from_pod);
  set_tuple(&change->after, &error->key.local, &entry->other, from_pod == hairpin);
  bool changed = rewrite_quoted(skb, error, quoted, change);
  // Routers on the way report under their own addresses.
  if (changed && same_address(&error->key.peer, &arrived.peer)) {
    set_tuple(&change->before, &error->key.local, &arrived, from_pod);
    set_tuple(&change->after, &error->key.local, &entry->other, from_pod != hairpin);
    changed = rewrite(skb, error, change);
    error->key.peer = entry->other.peer;
  }
  if (!changed) return drop_because(skb, DROP_NO_TRANSLATION);
  return hairpin ? reflect(skb) : PASS;
}
