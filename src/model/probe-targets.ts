/** The objects that probes name, by the names and addresses that requests use. */
import type { Address } from './address.ts';
import { compareText, type NodeName, objectName } from './names.ts';
import type { NodeObject, PodObject, ServiceObject, WeirObject } from './objects.ts';

/** What resolving needs to know of the objects; made once per batch. */
export interface ProbeTargets {
  readonly nodes: ReadonlyMap<string, NodeObject>;
  readonly pods: ReadonlyMap<string, PodObject>;
  readonly services: ReadonlyMap<string, ServiceObject>;
  /** By namespace, then name. */
  readonly podsInOrder: readonly PodObject[];
  readonly firstNode: NodeName | null;
  readonly podByAddress: ReadonlyMap<Address, PodObject>;
  readonly serviceByAddress: ReadonlyMap<Address, ServiceObject>;
}

/** Indexes completed objects by the names and addresses that requests use. */
export function probeTargets(objects: Iterable<WeirObject>): ProbeTargets {
  const nodes = new Map<string, NodeObject>();
  const pods = new Map<string, PodObject>();
  const services = new Map<string, ServiceObject>();
  for (const object of objects) {
    if (object.kind === 'Node') nodes.set(object.name, object);
    if (object.kind === 'Pod') pods.set(objectName(object.namespace, object.name), object);
    if (object.kind === 'Service') services.set(objectName(object.namespace, object.name), object);
  }
  const podsInOrder = [...pods.values()]
    .filter((pod) => pod.nodeName !== null && nodes.has(pod.nodeName) && !isFinished(pod))
    .sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name));
  const podByAddress = new Map<Address, PodObject>();
  for (const pod of podsInOrder)
    if (!pod.hostNetwork) for (const address of pod.addresses) podByAddress.set(address, pod);
  const serviceByAddress = new Map<Address, ServiceObject>();
  for (const service of services.values()) {
    if (service.clusterIps !== 'headless')
      for (const address of service.clusterIps) serviceByAddress.set(address, service);
  }
  const firstNode = ([...nodes.keys()].sort(compareText)[0] ?? null) as NodeName | null;
  return { nodes, pods, services, podsInOrder, firstNode, podByAddress, serviceByAddress };
}

/** The node's addresses, those of type InternalIP first: the first of a family is the one it is known by. */
export function nodeAddresses(node: NodeObject): readonly Address[] {
  const internal = node.addresses.filter(({ type }) => type === 'InternalIP');
  const external = node.addresses.filter(({ type }) => type === 'ExternalIP');
  return [...internal, ...external].map(({ address }) => address);
}

/** The pod has ended: it neither sends nor serves. */
export function isFinished(pod: PodObject): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}
