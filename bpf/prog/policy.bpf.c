// Network policy on the host side of a pod's interface: what comes from the pod (tc ingress there), what goes to it
// (tc egress), and the sweeping of what ended.
#include "../lib/enforce.h"

SEC("tc")
int from_pod(struct __sk_buff *skb) {
  struct packet *packet = packet_in_hand();
  if (!packet) return TC_ACT_SHOT;
  const int verdict = enforce(skb, packet, DIRECTION_EGRESS);
  return verdict == PASS && packet->passage != 0 ? pass_by(skb, packet) : verdict;
}

SEC("tc")
int to_pod(struct __sk_buff *skb) {
  struct packet *packet = packet_in_hand();
  return packet ? enforce(skb, packet, DIRECTION_INGRESS) : TC_ACT_SHOT;
}

// Holds a place on a hook for one of the two.
SEC("tc")
int stand_by(struct __sk_buff *skb) { return PASS; }

struct bpf_map;

// Nobody is left who could send a packet of the flow.
static __always_inline bool is_orphan(const struct flow_key *key) {
  return bpf_map_lookup_elem(&subjects, &key->interface) == 0;
}

// The time is read for each flow: one that a packet refreshes meanwhile is kept.
static __always_inline bool is_over(const struct flow_key *key, struct flow *entry) {
  const struct flow *flow = find_flow(key, entry);
  return !flow || is_orphan(key) || has_ended(key, flow, bpf_ktime_get_ns());
}

static long sweep_flow(struct bpf_map *map, const struct flow_key *key, struct flow *entry, struct sweep *sweep) {
  // The two entries of a translated flow are one flow, and end together.
  const bool front = is_front(entry->translation);
  if (is_over(key, entry)) {
    // The table's own key may not be lent.
    const struct flow_key own = *key;
    // An entry that went with its other may be met once more.
    if (remove_entries(&own, entry)) sweep->removed += 1;
  } else if (!front) {
    sweep->kept += 1;
  }
  return 0;
}

SEC("syscall")
int sweep_flows(struct sweep *sweep) {
  struct sweep counted = {};
  bpf_for_each_map_elem(&flows, sweep_flow, &counted, 0);
  *sweep = counted;
  return 0;
}

char policy_license[] SEC("license") = "GPL";
