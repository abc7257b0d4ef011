/** Nodes, pods and Services as last seen: what a batch changed about addresses, and nothing else of it. */
import type { Address } from '../../model/address.ts';
import type { CompileOptions } from '../../model/compile-options.ts';
import type { NodeName, ObjectName } from '../../model/names.ts';
import type { Labels, NodeObject, PodObject, ServiceObject } from '../../model/objects.ts';
import type { ClusterView } from '../../model/view.ts';
import {
  type AddressBook,
  clusterIpsOf,
  createAddressBook,
  loadBalancerIpsOf,
  nodeAddresses,
  podAddresses,
} from './address-book.ts';
import { sameData } from './equality.ts';
import { type PodStrays, podPrefixes } from './node-rows.ts';
import { isServed } from './served.ts';
import { createStrayAddresses } from './stray-addresses.ts';

/** Addresses whose holders changed. */
export interface ChangedAddresses {
  /** Held by a node, a pod or as a load-balancer or external IP. */
  readonly held: Set<string>;
  readonly clusterIps: Set<string>;
}

export interface ClusterTracking {
  readonly book: AddressBook;
  /** Takes the nodes' new state; tells whether node rows, and whether the labels of this node, changed. */
  nodes(
    view: ClusterView,
    names: Iterable<NodeName>,
    changed: ChangedAddresses,
  ): { readonly rows: boolean; readonly labels: boolean };
  pods(view: ClusterView, names: Iterable<ObjectName>, changed: ChangedAddresses): void;
  services(view: ClusterView, names: Iterable<ObjectName>, changed: ChangedAddresses): void;
  strays(): PodStrays;
  /** Whether the strays changed since this was asked last. */
  takeStraysChanged(): boolean;
}

/** Knows nothing yet. */
export function createClusterTracking(options: CompileOptions): ClusterTracking {
  const book = createAddressBook();
  const nodes = new Map<NodeName, NodeObject>();
  const pods = new Map<ObjectName, PodObject>();
  const services = new Map<ObjectName, ServiceObject>();
  const local = createStrayAddresses();
  const cluster = createStrayAddresses();
  // Who needs no list of all pods should not pay for one where nodes have no podCIDRs.
  const tracksCluster = options.masqueradePods && options.clusterCidrs.length === 0;

  function trackPod(before: PodObject | undefined, after: PodObject | undefined): void {
    const [old, next] = [podAddresses(before), podAddresses(after)];
    if (tracksCluster) moveHolders(cluster, old, next);
    moveHolders(
      local,
      before?.nodeName === options.node ? old : [],
      after?.nodeName === options.node ? next : [],
    );
  }

  return {
    book,
    nodes(view, names, changed) {
      let rows = false;
      const labelsBefore = nodes.get(options.node)?.labels;
      for (const name of names) {
        const [before, after] = replaceSeen(nodes, name, view.nodes.get(name));
        if (sameData(before?.addresses, after?.addresses) && sameData(before?.podCidrs, after?.podCidrs))
          continue;
        rows = true;
        const owner = name as string as ObjectName;
        addAll(changed.held, book.nodes.replace(owner, nodeAddresses(before), nodeAddresses(after)));
      }
      if (rows) {
        local.cover(nodes.get(options.node)?.podCidrs ?? []);
        if (tracksCluster) cluster.cover(podPrefixes(nodes, options));
      }
      return { rows, labels: !sameLabels(labelsBefore, nodes.get(options.node)?.labels) };
    },
    pods(view, names, changed) {
      for (const name of names) {
        const [before, after] = replaceSeen(pods, name, view.pods.get(name));
        addAll(changed.held, book.pods.replace(name, podAddresses(before), podAddresses(after)));
        trackPod(before, after);
      }
    },
    services(view, names, changed) {
      const served = (service: ServiceObject | undefined) =>
        isServed(service, options.serviceProxyName) ? service : undefined;
      for (const name of names) {
        const [before, after] = replaceSeen(services, name, view.services.get(name));
        addAll(changed.clusterIps, book.clusterIps.replace(name, clusterIpsOf(before), clusterIpsOf(after)));
        const [old, next] = [served(before), served(after)];
        addAll(
          changed.held,
          book.loadBalancerIps.replace(name, loadBalancerIpsOf(old), loadBalancerIpsOf(next)),
        );
        addAll(changed.held, book.externalIps.replace(name, old?.externalIps ?? [], next?.externalIps ?? []));
      }
    },
    strays: () => ({ local: local.list(), cluster: cluster.list() }),
    takeStraysChanged() {
      const changes = [local.takeChanged(), cluster.takeChanged()];
      return changes.includes(true);
    },
  };
}

function replaceSeen<Name, Seen>(
  seen: Map<Name, Seen>,
  name: Name,
  after: Seen | undefined,
): readonly [Seen | undefined, Seen | undefined] {
  const before = seen.get(name);
  if (after === undefined) seen.delete(name);
  else seen.set(name, after);
  return [before, after];
}

function moveHolders(
  strays: ReturnType<typeof createStrayAddresses>,
  old: readonly Address[],
  next: readonly Address[],
): void {
  if (sameData(old, next)) return;
  for (const address of old) strays.remove(address);
  for (const address of next) strays.add(address);
}

function addAll(set: Set<string>, keys: Iterable<string>): void {
  for (const key of keys) set.add(key);
}

function sameLabels(a: Labels | undefined, b: Labels | undefined): boolean {
  return sameData(a, b);
}
