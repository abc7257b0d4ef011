/** Nodes, pods and Services as last seen: what a batch changed about addresses, and nothing else of it. */
import type { Address } from '../../model/address.ts';
import type { CompileOptions } from '../../model/compile-options.ts';
import type { NodeName, ObjectName } from '../../model/names.ts';
import type { NodeObject, PodObject, ServiceObject } from '../../model/objects.ts';
import type { ClusterView } from '../../model/view.ts';
import {
  type AddressBook,
  clusterIpsOf,
  createAddressBook,
  heldExternalIps,
  heldLoadBalancerIps,
  nodeAddresses,
  podAddresses,
} from './address-book.ts';
import { sameData } from './equality.ts';
import type { PodStrays } from './node-rows.ts';
import { createPodStrays } from './pod-strays.ts';
import { isServed } from './served.ts';

/** Addresses whose holders changed. */
export interface ChangedAddresses {
  /** Held by a node, a pod or as a load-balancer or external IP. */
  readonly held: Set<string>;
  readonly clusterIps: Set<string>;
  /** Addresses that came to this node or left it, as its own or as a pod's. */
  readonly here: Set<string>;
}

/** Objects as last seen. Each method takes the new state of the named objects and adds what moved to `changed`. */
export interface ClusterTracking {
  readonly book: AddressBook;
  /** The address is this node's own or that of one of its pods. */
  isHere(address: Address): boolean;
  /** Takes the nodes' new state; tells whether node rows, and whether the labels of this node, changed. */
  nodes(
    view: ClusterView,
    names: Iterable<NodeName>,
    changed: ChangedAddresses,
  ): { readonly rows: boolean; readonly labels: boolean };
  pods(view: ClusterView, names: Iterable<ObjectName>, changed: ChangedAddresses): void;
  services(view: ClusterView, names: Iterable<ObjectName>, changed: ChangedAddresses): void;
  strays(): PodStrays;
  /** Cluster IPs of Services that another proxy serves (A62). */
  foreignClusterIps(): readonly Address[];
  /** Whether the strays or the foreign cluster IPs changed since this was asked last. */
  takeChanged(): boolean;
}

/** Knows nothing yet. */
export function createClusterTracking(options: CompileOptions): ClusterTracking {
  const book = createAddressBook();
  const nodes = new Map<NodeName, NodeObject>();
  const pods = new Map<ObjectName, PodObject>();
  const services = new Map<ObjectName, ServiceObject>();
  const foreign = new Map<ObjectName, readonly Address[]>();
  let foreignChanged = false;
  const strays = createPodStrays(options);
  const addressesHere = (pod: PodObject | undefined) =>
    pod?.nodeName === options.node ? podAddresses(pod) : [];
  return {
    book,
    isHere: (address) =>
      book.nodes.owners(address).some((owner) => owner === (options.node as string)) ||
      book.pods.owners(address).some((owner) => pods.get(owner)?.nodeName === options.node),
    nodes(view, names, changed) {
      let rows = false;
      const labelsBefore = nodes.get(options.node)?.labels;
      for (const name of names) {
        const [before, after] = replaceSeen(nodes, name, view.nodes.get(name));
        if (sameData(before?.addresses, after?.addresses) && sameData(before?.podCidrs, after?.podCidrs))
          continue;
        rows = true;
        const owner = name as string as ObjectName;
        const moved = book.nodes.replace(owner, nodeAddresses(before), nodeAddresses(after));
        addAll(changed.held, moved);
        if (name === options.node) addAll(changed.here, moved);
      }
      if (rows) strays.cover(nodes);
      return { rows, labels: !sameData(labelsBefore, nodes.get(options.node)?.labels) };
    },
    pods(view, names, changed) {
      for (const name of names) {
        const [before, after] = replaceSeen(pods, name, view.pods.get(name));
        addAll(changed.held, book.pods.replace(name, podAddresses(before), podAddresses(after)));
        strays.move(before, after);
        const [left, came] = [addressesHere(before), addressesHere(after)];
        if (!sameData(left, came)) addAll(changed.here, [...left, ...came]);
      }
    },
    services(view, names, changed) {
      for (const name of names) {
        const [before, after] = replaceSeen(services, name, view.services.get(name));
        trackService(book, name, before, after, changed);
        const [old = [], next] = [foreign.get(name), foreignIps(after, options)];
        if (sameData(old, next)) continue;
        foreignChanged = true;
        if (next.length > 0) foreign.set(name, next);
        else foreign.delete(name);
      }
    },
    strays: () => strays.lists(),
    foreignClusterIps: () => [...foreign.values()].flat(),
    takeChanged() {
      const changes = [strays.takeChanged(), foreignChanged];
      foreignChanged = false;
      return changes.includes(true);
    },
  };
}

function foreignIps(service: ServiceObject | undefined, options: CompileOptions): readonly Address[] {
  return isServed(service, options.serviceProxyName) ? [] : clusterIpsOf(service);
}

function trackService(
  book: AddressBook,
  name: ObjectName,
  before: ServiceObject | undefined,
  after: ServiceObject | undefined,
  changed: ChangedAddresses,
): void {
  addAll(changed.clusterIps, book.clusterIps.replace(name, clusterIpsOf(before), clusterIpsOf(after)));
  const loadBalancerIps = [heldLoadBalancerIps(before), heldLoadBalancerIps(after)] as const;
  addAll(changed.held, book.loadBalancerIps.replace(name, ...loadBalancerIps));
  addAll(changed.held, book.externalIps.replace(name, heldExternalIps(before), heldExternalIps(after)));
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

function addAll(set: Set<string>, keys: Iterable<string>): void {
  for (const key of keys) set.add(key);
}
