/** Who holds which address in the cluster: tells a Service's own addresses from ones it must not take over (A31, I2). */
import type { Address } from '../../model/address.ts';
import type { ObjectName } from '../../model/names.ts';
import type { NodeObject, PodObject, ServiceObject } from '../../model/objects.ts';
import { createOwnerIndex, type OwnerIndex } from './owner-index.ts';

/** Holders of addresses, by kind; names of Nodes for nodes, of Pods for pods, of Services for the rest. */
export interface AddressBook {
  readonly nodes: OwnerIndex;
  readonly pods: OwnerIndex;
  /** Cluster IPs of every Service, whoever proxies it. */
  readonly clusterIps: OwnerIndex;
  /** Load-balancer IPs of every Service, whoever serves them: another proxy, or (ipMode Proxy) the load balancer itself. */
  readonly loadBalancerIps: OwnerIndex;
  /** External IPs of every Service that can have frontends, whoever proxies it. */
  readonly externalIps: OwnerIndex;
}

/** A book in which nobody holds anything. */
export function createAddressBook(): AddressBook {
  return {
    nodes: createOwnerIndex(),
    pods: createOwnerIndex(),
    clusterIps: createOwnerIndex(),
    loadBalancerIps: createOwnerIndex(),
    externalIps: createOwnerIndex(),
  };
}

/** Addresses that are the pod's alone: none on the host's network, none once it is done (then they may be reused). */
export function podAddresses(pod: PodObject | undefined): readonly Address[] {
  if (pod === undefined || pod.hostNetwork || isFinished(pod)) return [];
  return pod.addresses;
}

/** Whether the pod's containers have ended for good. */
export function isFinished(pod: PodObject): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}

/** Every address in the status of the node; none when there is no such node. */
export function nodeAddresses(node: NodeObject | undefined): readonly Address[] {
  return node === undefined ? [] : node.addresses.map(({ address }) => address);
}

/** Allocated cluster IPs; none for a headless Service. */
export function clusterIpsOf(service: ServiceObject | undefined): readonly Address[] {
  return service === undefined || service.clusterIps === 'headless' ? [] : service.clusterIps;
}

/** Load-balancer IPs that nodes serve; with ipMode Proxy packets must go to the load balancer itself (A26). */
export function loadBalancerIpsOf(service: ServiceObject | undefined): readonly Address[] {
  if (service?.type !== 'LoadBalancer') return [];
  return service.loadBalancerIngress.filter(({ ipMode }) => ipMode === 'VIP').map(({ address }) => address);
}

/** Load-balancer IPs that nobody else may serve, whether or not nodes do: traffic to them is meant for this Service. */
export function heldLoadBalancerIps(service: ServiceObject | undefined): readonly Address[] {
  return service?.type === 'LoadBalancer' ? service.loadBalancerIngress.map(({ address }) => address) : [];
}

/** External IPs of a Service that has frontends at all; those of headless ones and ExternalNames mean nothing. */
export function heldExternalIps(service: ServiceObject | undefined): readonly Address[] {
  return service === undefined || clusterIpsOf(service).length === 0 ? [] : service.externalIps;
}

/** Whose address it is already (`the address of Node a`), null when it is no node's, pod's or Service's cluster IP. */
export function holderOf(address: Address, book: AddressBook): string | null {
  const [node] = sortedOwners(book.nodes.owners(address));
  if (node !== undefined) return `the address of Node ${node}`;
  const [pod] = sortedOwners(book.pods.owners(address));
  if (pod !== undefined) return `the address of Pod ${pod}`;
  const [service] = sortedOwners(book.clusterIps.owners(address));
  return service === undefined ? null : `the cluster IP of Service ${service}`;
}

/** Owners by name: they stand in the order they came, which must not show in a message. */
export function sortedOwners(names: readonly ObjectName[]): readonly ObjectName[] {
  return names.length < 2 ? names : [...names].sort();
}
