/** What the control plane remembers between batches: the input, who has what, and the completed objects. */
import type { Address } from '../model/address.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import type {
  EndpointSliceObject,
  EndpointsObject,
  NamespaceObject,
  NodeObject,
  PodObject,
  ServiceCidrObject,
  ServiceObject,
} from '../model/objects.ts';
import { type ClaimBook, type ClaimHistory, createClaimBook } from './claims.ts';
import { type ClusterZones, zonesOf } from './hints.ts';
import { leavingByKey, type ServiceNetworks, serviceNetworksOf } from './network-stage.ts';
import type { ClusterOptions } from './options.ts';
import { createOutput, type Output } from './output.ts';
import { type BalancerBook, createBalancerBook } from './pool-stage.ts';
import { createProblemLedger, type ProblemLedger } from './problems.ts';
import { createSelectorIndex, type SelectorIndex } from './selector-index.ts';
import { entriesOf, type Snapshot } from './snapshot.ts';

/** Everything that was chosen rather than given: a control plane that starts with it chooses the same again. */
export interface AllocationHistory {
  readonly nodeNumbers: ClaimHistory;
  readonly podAddresses: ClaimHistory;
  readonly clusterIps: ClaimHistory;
  readonly nodePorts: ClaimHistory;
  /** Addresses of pools, by `owner|family`. */
  readonly balancerAddresses: ReadonlyMap<string, Address>;
  /** Deleted, but in use. */
  readonly leavingCidrs: readonly ServiceCidrObject[];
  readonly placements: Snapshot<ObjectName, NodeName>;
  /** By Service: which endpoint is in which slice. */
  readonly slices: ReadonlyMap<ObjectName, readonly EndpointSliceObject[]>;
}

export interface State {
  readonly options: ClusterOptions;
  readonly input: {
    readonly namespaces: Map<ObjectName, NamespaceObject>;
    readonly nodes: Map<ObjectName, NodeObject>;
    readonly pods: Map<ObjectName, PodObject>;
    readonly services: Map<ObjectName, ServiceObject>;
    readonly serviceCidrs: Map<ObjectName, ServiceCidrObject>;
    readonly endpoints: Map<ObjectName, EndpointsObject>;
    /** Those made by hand or by a real cluster's controllers. */
    readonly slices: Map<ObjectName, EndpointSliceObject>;
  };
  readonly books: {
    readonly nodeNumbers: ClaimBook;
    readonly podAddresses: ClaimBook;
    readonly clusterIps: ClaimBook;
    readonly nodePorts: ClaimBook;
  };
  /** Completed nodes and what follows from all of them. */
  readonly nodes: Map<NodeName, NodeObject>;
  schedulable: readonly NodeName[];
  zones: ClusterZones;
  readonly balancers: BalancerBook;
  networks: ServiceNetworks;
  /** ServiceCIDR objects that are deleted but in use, see network-stage.ts. */
  readonly leavingCidrs: Map<string, ServiceCidrObject>;
  /** Where pods without spec.nodeName were put. */
  readonly placements: Map<ObjectName, NodeName>;
  /** By the node they are on or ask for; `''`: pods that wait for any node. */
  readonly podsByNode: Map<NodeName | '', Set<ObjectName>>;
  readonly nodeOfPod: Map<ObjectName, NodeName | ''>;
  readonly selectors: SelectorIndex;
  readonly foreignSlices: Map<ObjectName, Set<ObjectName>>;
  /** The slices made here, by Service. */
  readonly madeSlices: Map<ObjectName, readonly EndpointSliceObject[]>;
  /** Those of an earlier control plane, of Services not looked at yet. */
  readonly formerSlices: Map<ObjectName, readonly EndpointSliceObject[]>;
  /** Services whose hints depend on all nodes. */
  readonly topologyServices: Set<ObjectName>;
  readonly output: Output;
  readonly problems: ProblemLedger;
}

/** What has to be looked at again in this batch. */
export interface Dirty {
  readonly namespaces: Set<string>;
  readonly nodes: Set<ObjectName>;
  readonly pods: Set<ObjectName>;
  readonly services: Set<ObjectName>;
  readonly serviceCidrs: Set<string>;
  /** Services whose slices may be others now. */
  readonly sliceOwners: Set<ObjectName>;
  /** When the first change of their pods' readiness happened, by Service; milliseconds since the epoch. */
  readonly triggeredAtMs: Map<ObjectName, number>;
}

export function createState(options: ClusterOptions, history: Partial<AllocationHistory> | undefined): State {
  const nodes = new Map<NodeName, NodeObject>();
  const leaving = history?.leavingCidrs ?? [];
  return {
    options,
    input: {
      namespaces: new Map(),
      nodes: new Map(),
      pods: new Map(),
      services: new Map(),
      serviceCidrs: new Map(),
      endpoints: new Map(),
      slices: new Map(),
    },
    books: {
      nodeNumbers: createClaimBook(history?.nodeNumbers),
      podAddresses: createClaimBook(history?.podAddresses),
      clusterIps: createClaimBook(history?.clusterIps),
      nodePorts: createClaimBook(history?.nodePorts),
    },
    nodes,
    schedulable: [],
    zones: zonesOf(nodes),
    balancers: createBalancerBook(history?.balancerAddresses),
    networks: serviceNetworksOf(options, leaving),
    leavingCidrs: leavingByKey(leaving),
    placements: new Map(history?.placements === undefined ? [] : entriesOf(history.placements)),
    podsByNode: new Map(),
    nodeOfPod: new Map(),
    selectors: createSelectorIndex(),
    foreignSlices: new Map(),
    madeSlices: new Map(),
    formerSlices: new Map(history?.slices),
    topologyServices: new Set(),
    output: createOutput(),
    problems: createProblemLedger(),
  };
}

export function createDirty(): Dirty {
  return {
    namespaces: new Set(),
    nodes: new Set(),
    pods: new Set(),
    services: new Set(),
    serviceCidrs: new Set(),
    sliceOwners: new Set(),
    triggeredAtMs: new Map(),
  };
}

/**
 * Looks at dirty objects, and at those that this affects through the books, until none is left. Sorted by name, so
 * that what is assigned depends on the set of objects and not on the order in which they came.
 */
export function settle(
  dirty: Set<ObjectName>,
  books: readonly ClaimBook[],
  resolve: (owner: ObjectName) => void,
): void {
  const drain = (): void => {
    for (const book of books) for (const owner of book.takeAffected()) dirty.add(owner);
  };
  for (drain(); dirty.size > 0; drain()) {
    const round = [...dirty].sort();
    dirty.clear();
    for (const owner of round) resolve(owner);
  }
}
