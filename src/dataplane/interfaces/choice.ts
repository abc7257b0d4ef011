/** Which of the interfaces that lead to a pod is its own. */
import type { NetworkInterface } from '../../kernel/network.ts';
import type { Address } from '../../model/address.ts';
import type { NetworkIndex, Way } from './network-index.ts';

/** A veth that leads to a pod. */
export interface Candidate {
  readonly interface: NetworkInterface;
  readonly how: Way['how'];
}

interface Rated extends Candidate {
  /** How many of the pod's addresses the node has routes to by it, how many its other end has, how many pods are behind it. */
  readonly routed: number;
  readonly held: number;
  readonly pods: number;
}

/** `podsBehind`: how many local pods have one of these addresses. */
export type CountPods = (addresses: readonly Address[]) => number;

/**
 * The node's routes count most, since nobody in a pod can write them; an address at the far end, which a pod may give itself,
 * counts less the more other pods are behind the same veth, and the newest veth wins in the end. Undefined without a veth
 * into another namespace.
 */
export function chooseInterface(
  addresses: readonly Address[],
  network: NetworkIndex,
  countPods: CountPods,
): Candidate | undefined {
  const rated = new Map<number, Rated>();
  for (const way of addresses.flatMap(network.waysTo)) {
    const { index, kind, peer } = way.interface;
    if (kind !== 'veth' || peer === null || peer.namespace === null) continue;
    const known = rated.get(index) ?? {
      interface: way.interface,
      how: way.how,
      routed: 0,
      held: 0,
      pods: countPods(network.addressesBehind(index)),
    };
    rated.set(index, {
      ...known,
      how: known.how === 'route' ? 'route' : way.how,
      routed: known.routed + (way.how === 'route' ? 1 : 0),
      held: known.held + (way.how === 'namespace' ? 1 : 0),
    });
  }
  return [...rated.values()].toSorted(byPreference)[0];
}

function byPreference(a: Rated, b: Rated): number {
  return b.routed - a.routed || b.held - a.held || a.pods - b.pods || b.interface.index - a.interface.index;
}
