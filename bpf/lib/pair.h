// The two entries of a translated flow. Each names the ends of the other; one whose other does not name it is of no flow.
#pragma once

#include "flow.h"
#include "service.h"

#define PORT_TRIES 16
#define FIRST_FREE_PORT 32768  // where most systems take the ports of clients from
#define FREE_PORTS 28232

static __always_inline struct ends ends_of(const struct flow_key *key) {
  return (struct ends){.peer = key->peer, .local_port = key->local_port, .peer_port = key->peer_port};
}

static __always_inline bool same_ends(const struct ends *a, const struct ends *b) {
  return same_address(&a->peer, &b->peer) && a->local_port == b->local_port && a->peer_port == b->peer_port;
}

static __always_inline void set_ends(struct flow_key *key, const struct ends *ends) {
  key->peer = ends->peer;
  key->local_port = ends->local_port;
  key->peer_port = ends->peer_port;
}

// Of what the pod sends to a Service, or directly where it has to leave with another port.
static __always_inline bool is_front(enum translation translation) {
  return translation == TRANSLATION_TO_BACKEND || translation == TRANSLATION_OUT_AND_BACK;
}

static __always_inline bool is_back(enum translation translation) {
  return translation == TRANSLATION_TO_SERVICE || translation == TRANSLATION_BACK_AND_OUT;
}

// Both ends are the pod: what it sends comes back by the same way.
static __always_inline bool is_hairpin(enum translation translation) {
  return translation == TRANSLATION_OUT_AND_BACK || translation == TRANSLATION_BACK_AND_OUT;
}

// True if packets of this direction belong to the entry: the others merely have the same ends.
static __always_inline bool is_for(const struct flow *entry, enum direction direction) {
  switch (entry->translation) {
    case TRANSLATION_NONE:
    case TRANSLATION_ELSEWHERE:
      return true;
    case TRANSLATION_TO_SERVICE:
      return direction == DIRECTION_INGRESS;
    default:
      return direction == DIRECTION_EGRESS;
  }
}

// The entry that packets with this key and direction belong to; the key says afterwards whether it is a covered one.
static __always_inline struct flow *find_entry(struct flow_key *key, enum direction direction) {
  struct flow *entry = bpf_map_lookup_elem(&flows, key);
  if (!entry || is_for(entry, direction)) return entry;
  if (direction == DIRECTION_INGRESS) return 0;
  key->covered = 1;
  return bpf_map_lookup_elem(&flows, key);
}

// The key of the other entry.
static __always_inline void turn_key(struct flow_key *key, const struct flow *entry) {
  // Only a packet that keeps its peer can have the ends of another flow.
  key->covered = is_back(entry->translation) && same_address(&entry->other.peer, &key->peer);
  set_ends(key, &entry->other);
}

static __always_inline bool names_key(const struct flow *entry, const struct flow_key *key) {
  const struct ends own = ends_of(key);
  return same_ends(&entry->other, &own);
}

// The other entry of the pair, if there is one.
static __noinline struct flow *find_other(const struct flow_key *key, const struct flow *entry) {
  struct flow_key other = *key;
  turn_key(&other, entry);
  struct flow *found = bpf_map_lookup_elem(&flows, &other);
  if (!found || !names_key(found, key)) return 0;
  return is_front(entry->translation) ? (is_back(found->translation) ? found : 0)
                                      : (is_front(found->translation) ? found : 0);
}

// Removes an entry, and the other of a translated flow with it: the pod's first, so that no packet meets it alone. False if
// it was gone already.
static __noinline bool remove_entries(const struct flow_key *key, const struct flow *entry) {
  const bool front = is_front(entry->translation);
  const bool paired = (front || is_back(entry->translation)) && find_other(key, entry) != 0;
  struct flow_key other = *key;
  turn_key(&other, entry);
  if (paired && !front) remove_flow(&other);
  const bool removed = remove_flow(key);
  if (paired && front) remove_flow(&other);
  return removed;
}

// Where what is known of the flow is kept; 0 if the entry is of no flow.
static __always_inline struct flow *find_flow(const struct flow_key *key, struct flow *entry) {
  return is_front(entry->translation) ? find_other(key, entry) : entry;
}

// Writes the entry that others see, with another port of the pod's where it has a flow with these ends already.
static __always_inline int insert_back(struct flow_key *key, const struct flow *flow) {
  __be16 *port = is_hairpin(flow->translation) ? &key->peer_port : &key->local_port;
  int failure = key->covered ? -EEXIST : insert_flow(key, flow);
  key->covered = 0;
  for (int tries = 0; tries < PORT_TRIES && failure == -EEXIST; tries++) {
    *port = bpf_htons(FIRST_FREE_PORT + bpf_get_prandom_u32() % FREE_PORTS);
    failure = insert_flow(key, flow);
    if (failure == 0) count(TALLY_PORTS_CHANGED);
  }
  return failure;
}

// A flow that begins.
struct opening {
  struct service_match match;  // where it goes to an address of Services
  struct ends ends;            // where it is led instead; with a translation only
  __u32 backend;               // number of that, as far as these rows chose it
  enum translation translation;
  enum direction direction;
  enum flow_origin origin;
  bool tracked;  // conntrack knows it
};

_Static_assert(sizeof(struct opening) <= WORKSPACE_BYTES, "an opening has its place");

static __always_inline bool is_middle(const struct packet *packet) {
  return packet->key.protocol == IPPROTO_TCP && !opens_tcp(packet);
}

// Writes the flow that this packet opens, in the place of `old` where its ports are used again. Without a place each packet
// is judged for itself.
static __noinline void open_flow(const struct __sk_buff *skb, struct packet *packet, struct flow *old,
                                 const struct opening *opening, const struct decision *decision) {
  const bool reply = opening->direction != packet->direction;
  struct flow *fresh = workspace_of(WORKSPACE_FLOW);
  if (!fresh) return;
  *fresh = (struct flow){
      .last_seen = packet->now,
      .packets = {!reply, reply},
      .bytes = {reply ? 0 : skb->len, reply ? skb->len : 0},
      .revision = packet->revision,
      .rule = decision->rule,
      .audit_rule = decision->audit_rule,
      .direction = opening->direction,
      // Of a flow that was there before this program no opening is seen: it is as good as established.
      .state = is_middle(packet) ? FLOW_ESTABLISHED : FLOW_OPENING,
      .origin = opening->origin,
      .translation = opening->translation,
      .other = opening->ends,
      .passage = packet->passage,
  };
  if (old && (is_front(old->translation) || is_back(old->translation))) {
    remove_entries(&packet->key, old);
    old = 0;
  }
  if (old) {
    *old = *fresh;
  } else if (insert_flow(&packet->key, fresh) != 0) {
    // -EEXIST: another processor made the same flow meanwhile. It is that one's, or nobody's, by which way packets go.
    packet->passage = 0;
  }
}
