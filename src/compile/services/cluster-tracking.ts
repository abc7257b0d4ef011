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
import { createWeightedPods, type WeightedPods } from './weights.ts';

/** Addresses whose holders changed. */
export interface ChangedAddresses {
  /** Held by a node, a pod or as a load-balancer or external IP. */
  readonly held: Set<string>;
  readonly clusterIps: Set<string>;
  /** Addresses that came to this node or left it, as its own or as a pod's. */
  readonly here: Set<string>;
  /** Addresses of pods whose weight is another, or that have it at another address. */
  readonly weighted: Set<string>;
}

/** Objects as last seen. Each method takes the new state of the named objects and adds what moved to `changed`. */
export interface ClusterTracking {
  readonly book: AddressBook;
  readonly weightedPods: WeightedPods;
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
  const foreign = createForeignClusterIps(options);
  const strays = createPodStrays(options);
  const weightedPods = createWeightedPods();
  const addressesHere = (pod: PodObject | undefined) =>
    pod?.nodeName === options.node ? podAddresses(pod) : [];
  return {
    book,
    weightedPods,
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
        addAll(changed.weighted, weightedPods.replace(name, before, after));
        const [left, came] = [addressesHere(before), addressesHere(after)];
        if (!sameData(left, came)) addAll(changed.here, [...left, ...came]);
      }
    },
    services(view, names, changed) {
      for (const name of names) {
        const [before, after] = replaceSeen(services, name, view.services.get(name));
        trackService(book, name, before, after, changed);
        foreign.replace(name, after);
      }
    },
    strays: () => strays.lists(),
    foreignClusterIps: foreign.list,
    takeChanged() {
      const changes = [strays.takeChanged(), foreign.takeChanged()];
      return changes.includes(true);
    },
  };
}

interface ForeignClusterIps {
  /** Takes the Service's new state; undefined: it is gone. */
  replace(name: ObjectName, service: ServiceObject | undefined): void;
  list(): readonly Address[];
  /** Whether the list changed since this was asked last. */
  takeChanged(): boolean;
}

function createForeignClusterIps({ serviceProxyName }: CompileOptions): ForeignClusterIps {
  const foreign = new Map<ObjectName, readonly Address[]>();
  let changed = false;
  return {
    replace(name, service) {
      const next = isServed(service, serviceProxyName) ? [] : clusterIpsOf(service);
      if (sameData(foreign.get(name) ?? [], next)) return;
      changed = true;
      if (next.length > 0) foreign.set(name, next);
      else foreign.delete(name);
    },
    list: () => [...foreign.values()].flat(),
    takeChanged() {
      const answer = changed;
      changed = false;
      return answer;
    },
  };
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
