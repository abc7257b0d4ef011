/** The cluster as a trace reads it: who has which address, and each node's rows arranged for look-up. */
import type { Address } from '../model/address.ts';
import { type NodeName, objectName } from '../model/names.ts';
import type { NodeObject, PodObject, ServiceObject, WeirObject } from '../model/objects.ts';
import { EXTERNAL_ADDRESSES } from '../model/probe-expansion.ts';
import type { Rows } from '../model/rows.ts';
import { unroutableReason } from '../model/unroutable-address.ts';
import { type AddressOwner, addressOwners, type FlowNetwork } from './flow-path.ts';
import { type LookupTables, lookupTables } from './lookup-tables.ts';

/** What a trace reads of the objects beside their rows: who has which address, and how policies are called. */
export interface TraceScene extends FlowNetwork {
  readonly services: ReadonlyMap<string, ServiceObject>;
  /** Addresses of the external client and of endpoints outside the cluster. */
  readonly outside: ReadonlySet<Address>;
  /** Pods in the host network, by node. */
  readonly hostPods: ReadonlyMap<NodeName, readonly PodObject[]>;
}

/** The scene of completed objects; `rowsOf` is asked once per node that a packet meets. */
export function traceScene(
  objects: readonly WeirObject[],
  nodes: readonly NodeObject[],
  rowsOf: (node: NodeName) => Rows,
): TraceScene {
  const pods = objects.filter((object) => object.kind === 'Pod');
  const services = objects.filter((object) => object.kind === 'Service');
  const owners: ReadonlyMap<Address, AddressOwner> = addressOwners(nodes, pods);
  const tables = new Map<NodeName, LookupTables>();
  const own = (node: NodeName) =>
    nodes.find(({ name }) => name === node)?.addresses.map(({ address }) => address) ?? [];
  return {
    tablesOf(node) {
      const made = tables.get(node) ?? lookupTables(rowsOf(node), own(node));
      tables.set(node, made);
      return made;
    },
    ownerOf: (address) => owners.get(address) ?? null,
    outside: new Set([...Object.values(EXTERNAL_ADDRESSES), ...sliceAddresses(objects)]),
    services: new Map(services.map((service) => [objectName(service.namespace, service.name), service])),
    hostPods: Map.groupBy(
      pods.filter((pod) => pod.hostNetwork && pod.nodeName !== null),
      (pod) => pod.nodeName as NodeName,
    ),
  };
}

/** Where nobody in the cluster has them, hand-made slices tell of servers outside. */
function sliceAddresses(objects: readonly WeirObject[]): readonly Address[] {
  const clusterIps = new Set(
    objects.flatMap((object) =>
      object.kind === 'Service' && object.clusterIps !== 'headless' ? object.clusterIps : [],
    ),
  );
  const slices = objects.filter((object) => object.kind === 'EndpointSlice');
  const addresses = slices.flatMap(({ endpoints }) => endpoints.flatMap((each) => each.addresses));
  return addresses.filter((address) => unroutableReason(address) === null && !clusterIps.has(address));
}
