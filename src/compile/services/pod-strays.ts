/** Pods outside the podCIDRs that nodes declare: this node's, and, where pods are masqueraded, everybody's. */
import type { CompileOptions } from '../../model/compile-options.ts';
import type { NodeName } from '../../model/names.ts';
import type { NodeObject, PodObject } from '../../model/objects.ts';
import { podAddresses } from './address-book.ts';
import { sameData } from './equality.ts';
import { type PodStrays, podPrefixes } from './node-rows.ts';
import { createStrayAddresses } from './stray-addresses.ts';

/** Pods' addresses as `PodStrays`, one pod at a time. */
export interface PodStrayTracking {
  /** Sets the nodes whose podCIDRs are known. */
  cover(nodes: ReadonlyMap<NodeName, NodeObject>): void;
  /** A pod's old state (undefined: it is new) and its new one (undefined: it is gone). */
  move(before: PodObject | undefined, after: PodObject | undefined): void;
  lists(): PodStrays;
  /** Whether the lists have changed since this was asked last. */
  takeChanged(): boolean;
}

/** No pods and no nodes yet. */
export function createPodStrays(options: CompileOptions): PodStrayTracking {
  const local = createStrayAddresses();
  const cluster = createStrayAddresses();
  // Who needs no list of all pods should not pay for one where nodes have no podCIDRs.
  const tracksCluster = options.masqueradePods && options.clusterCidrs.length === 0;
  const addressesHere = (pod: PodObject | undefined) =>
    pod?.nodeName === options.node ? podAddresses(pod) : [];
  return {
    cover(nodes) {
      local.cover(nodes.get(options.node)?.podCidrs ?? []);
      if (tracksCluster) cluster.cover(podPrefixes(nodes, options));
    },
    move(before, after) {
      replaceAddresses(local, addressesHere(before), addressesHere(after));
      if (tracksCluster) replaceAddresses(cluster, podAddresses(before), podAddresses(after));
    },
    lists: () => ({ local: local.list(), cluster: cluster.list() }),
    takeChanged() {
      const changes = [local.takeChanged(), cluster.takeChanged()];
      return changes.includes(true);
    },
  };
}

function replaceAddresses(
  strays: ReturnType<typeof createStrayAddresses>,
  old: ReturnType<typeof podAddresses>,
  next: ReturnType<typeof podAddresses>,
): void {
  if (sameData(old, next)) return;
  for (const address of old) strays.remove(address);
  for (const address of next) strays.add(address);
}
