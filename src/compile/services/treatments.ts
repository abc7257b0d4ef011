/** What happens to a new connection at a frontend, from the traffic policies and what the slot lists hold (A41–A47). */
import type { TrafficPolicy } from '../../model/objects.ts';
import type { FrontendRow, Treatment } from '../../model/rows.ts';
import type { SlotLists } from './slot-lists.ts';

/** From inside, from outside, and (node ports) for packets to another node. */
export type Treatments = Pick<FrontendRow, 'inside' | 'outside' | 'elsewhere'>;

/** A cluster IP follows internalTrafficPolicy; the outside meets it only with --allow-external-cluster-ip (E27). */
export function clusterIpTreatments(
  lists: SlotLists,
  internal: TrafficPolicy,
  allowExternal: boolean,
): Treatments {
  const inside = underPolicy(lists, internal);
  return { inside, outside: allowExternal ? inside : 'pass', elsewhere: 'pass' };
}

/**
 * Load-balancer IPs, external IPs and node ports follow externalTrafficPolicy for the outside only: from inside, every
 * endpoint may be used (A44). Another node's node port is resolved here unless that node's own endpoints count (A25).
 */
export function externalTreatments(
  lists: SlotLists,
  external: TrafficPolicy,
  kind: 'loadBalancerIP' | 'externalIP' | 'nodePort',
): Treatments {
  const inside = underPolicy(lists, 'Cluster');
  return {
    inside,
    outside: underPolicy(lists, external),
    elsewhere: kind === 'nodePort' && external === 'Cluster' ? inside : 'pass',
  };
}

// Local with endpoints elsewhere is silent: a load balancer that probes by connecting must not take it for a dead Service.
function underPolicy(lists: SlotLists, policy: TrafficPolicy): Treatment {
  if (lists.cluster.length === 0) return 'reject';
  if (policy === 'Cluster') return 'cluster';
  return lists.local.length > 0 ? 'local' : 'drop';
}
