/** The cluster as a trace reads it: who has which address, and each node's rows arranged for look-up. */

import { type PolicyTables, policyTables } from '../dataplane/policy-decision.ts';
import type { Address } from '../model/address.ts';
import { type NodeName, type ObjectKey, objectKey, objectName } from '../model/names.ts';
import type {
  Labels,
  NodeObject,
  PodObject,
  PolicyObject,
  ServiceObject,
  WeirObject,
} from '../model/objects.ts';
import { NAMESPACE_NAME_LABEL } from '../model/policy.ts';
import type { PolicyRows } from '../model/policy-rows.ts';
import { EXTERNAL_ADDRESSES } from '../model/probe-expansion.ts';
import type { Rows } from '../model/rows.ts';
import { unroutableReason } from '../model/unroutable-address.ts';
import { type AddressOwner, addressOwners, type FlowNetwork } from './flow-path.ts';
import { type LookupTables, lookupTables } from './lookup-tables.ts';
import type { PolicyObjects } from './nearest-rule.ts';
import type { PolicyEnd } from './policy-answer.ts';

/** What a trace reads of the objects beside their rows: who has which address, and how policies are called. */
export interface TraceScene extends FlowNetwork {
  readonly services: ReadonlyMap<string, ServiceObject>;
  /** Addresses of the external client and of endpoints outside the cluster. */
  readonly outside: ReadonlySet<Address>;
  /** Pods in the host network, by node. */
  readonly hostPods: ReadonlyMap<NodeName, readonly PodObject[]>;
  /** Policy rows of a node; made when a connection of one of its pods is judged first. */
  policiesOf(node: NodeName): PolicyTables;
  /** For words about what the policy rows decide. */
  readonly objects: PolicyObjects;
  /** Hears of each end that is judged by the rows of its node. */
  onPolicyEnd(end: PolicyEnd): void;
}

/** Rows of each node; asked once per node. */
export interface NodeRowSource {
  rowsOf(node: NodeName): Rows;
  policyRowsOf(node: NodeName): PolicyRows;
  onPolicyEnd(end: PolicyEnd): void;
}

/** The scene of completed objects. */
export function traceScene(
  objects: readonly WeirObject[],
  nodes: readonly NodeObject[],
  source: NodeRowSource,
): TraceScene {
  const pods = objects.filter((object) => object.kind === 'Pod');
  const services = objects.filter((object) => object.kind === 'Service');
  const owners: ReadonlyMap<Address, AddressOwner> = addressOwners(nodes, pods);
  const own = (node: NodeName) =>
    nodes.find(({ name }) => name === node)?.addresses.map(({ address }) => address) ?? [];
  return {
    tablesOf: oncePerNode((node): LookupTables => lookupTables(source.rowsOf(node), own(node))),
    policiesOf: oncePerNode((node): PolicyTables => policyTables(source.policyRowsOf(node))),
    ownerOf: (address) => owners.get(address) ?? null,
    onPolicyEnd: source.onPolicyEnd,
    objects: policyObjects(objects, (address) => owners.get(address)?.pod ?? null),
    outside: new Set([...Object.values(EXTERNAL_ADDRESSES), ...sliceAddresses(objects)]),
    services: new Map(services.map((service) => [objectName(service.namespace, service.name), service])),
    hostPods: Map.groupBy(
      pods.filter((pod) => pod.hostNetwork && pod.nodeName !== null),
      (pod) => pod.nodeName as NodeName,
    ),
  };
}

function oncePerNode<Value>(make: (node: NodeName) => Value): (node: NodeName) => Value {
  const made = new Map<NodeName, Value>();
  return (node) => {
    const value = made.get(node) ?? make(node);
    made.set(node, value);
    return value;
  };
}

function policyObjects(objects: readonly WeirObject[], podAt: PolicyObjects['podAt']): PolicyObjects {
  const policies = new Map<ObjectKey, PolicyObject>();
  const labels = new Map<string, Labels>();
  for (const object of objects) {
    if (object.kind === 'Namespace') labels.set(object.name, object.labels);
    if (object.kind === 'NetworkPolicy' || object.kind === 'ClusterNetworkPolicy')
      policies.set(objectKey(object.kind, object.namespace, object.name), object);
  }
  const namespaceLabels = (name: string) => ({ ...labels.get(name), [NAMESPACE_NAME_LABEL]: name });
  return { policies, podAt, namespaceLabels };
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
