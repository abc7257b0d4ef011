/** Where Services and host ports can be reached, found by asking every object. */
import {
  type Address,
  FAMILIES,
  type Family,
  familyOf,
  type Prefix,
  prefixContains,
} from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { compareText, type NodeName, objectName, type Port, type Protocol } from '../../src/model/names.ts';
import type {
  ContainerPort,
  Meta,
  NodeObject,
  PodObject,
  ServiceObject,
  ServicePort,
} from '../../src/model/objects.ts';
import type { FrontendKind } from '../../src/model/rows.ts';
import { familiesOf, isUnroutable } from './endpoints.ts';
import { isExposed } from './expose.ts';
import type { Cluster } from './question.ts';

/** A Service port that is reached in one of its ways. */
export interface ServiceFrontend {
  readonly kind: Exclude<FrontendKind, 'hostPort'>;
  readonly service: ServiceObject;
  readonly port: ServicePort;
}

/** A Service is ours when its proxy-name label is the one we were told, and it has a virtual address at all (A19, A20, A62). */
export function isOurs(service: ServiceObject, options: CompileOptions): boolean {
  const label = service.labels['service.kubernetes.io/service-proxy-name'] ?? null;
  return (
    label === options.serviceProxyName && service.type !== 'ExternalName' && familiesOf(service).length > 0
  );
}

/** The Service port at a virtual address (cluster, load-balancer or external IP), or null; the oldest claim wins. */
export function virtualFrontend(
  cluster: Cluster,
  options: CompileOptions,
  destination: { readonly address: Address; readonly port: Port; readonly protocol: Protocol },
): ServiceFrontend | null {
  const { address, port, protocol } = destination;
  const claims: ServiceFrontend[] = [];
  for (const service of cluster.services.filter((each) => isOurs(each, options))) {
    const kind = kindOfAddress(cluster, options, service, address);
    if (kind === null || !isExposed(cluster, service, kind, options.node)) continue;
    for (const each of service.ports) {
      if (each.port === port && each.protocol === protocol) claims.push({ kind, service, port: each });
    }
  }
  return claims.sort((a, b) => bySeniority(a.service, b.service))[0] ?? null;
}

/** The Service with this node port on this family, or null; the oldest claim wins. */
export function nodePortFrontend(
  cluster: Cluster,
  options: CompileOptions,
  destination: { readonly family: Family; readonly port: Port; readonly protocol: Protocol },
): ServiceFrontend | null {
  const { family, port, protocol } = destination;
  const claims: ServiceFrontend[] = [];
  for (const service of cluster.services.filter((each) => isOurs(each, options))) {
    if (!familiesOf(service).includes(family)) continue;
    if (!isExposed(cluster, service, 'nodePort', options.node)) continue;
    for (const each of service.ports) {
      if (each.nodePort === port && each.protocol === protocol)
        claims.push({ kind: 'nodePort', service, port: each });
    }
  }
  return claims.sort((a, b) => bySeniority(a.service, b.service))[0] ?? null;
}

function kindOfAddress(
  cluster: Cluster,
  options: CompileOptions,
  service: ServiceObject,
  address: Address,
): 'clusterIP' | 'loadBalancerIP' | 'externalIP' | null {
  if (service.clusterIps !== 'headless' && service.clusterIps.includes(address)) return 'clusterIP';
  if (!familiesOf(service).includes(familyOf(address))) return null;
  const served = service.loadBalancerIngress.filter(({ ipMode }) => ipMode === 'VIP');
  if (served.some((ingress) => ingress.address === address)) {
    return isForeign(cluster, options, address) ? null : 'loadBalancerIP';
  }
  if (!service.externalIps.includes(address) || isForeign(cluster, options, address)) return null;
  const isLoadBalancers = cluster.services.some(
    (other) => other !== service && has(other.loadBalancerIngress, address),
  );
  return isLoadBalancers ? null : 'externalIP';
}

/** Somebody else's address, or one that can't be a Service's: serving it would steal traffic (A31, I2). */
function isForeign(cluster: Cluster, options: CompileOptions, address: Address): boolean {
  const isNodes = cluster.nodes.some(({ addresses }) => has(addresses, address));
  const isPods = cluster.pods.some((pod) => pod.addresses.includes(address));
  const isClusterIp = cluster.services.some(
    (service) => service.clusterIps !== 'headless' && service.clusterIps.includes(address),
  );
  const { externalIpCidrs } = options;
  const isAllowed = externalIpCidrs.length === 0 || isWithin(externalIpCidrs, address);
  return isNodes || isPods || isClusterIp || isUnroutable(address) || !isAllowed;
}

/** The pod of this node that has the host port at this address of the node, and its container port (A32, A33). */
export function hostPortOwner(
  cluster: Cluster,
  node: NodeName,
  destination: HostPortDestination,
): HostPortClaim | null {
  const { address } = destination;
  const isNodes = cluster.nodes.some(({ name, addresses }) => name === node && has(addresses, address));
  const claims = grantedHostPorts(cluster, node, { ...destination, family: familyOf(address) });
  if (!isNodes) return null;
  return claims.find(({ port }) => port.hostIp === null || port.hostIp === address) ?? null;
}

interface HostPortDestination {
  readonly address: Address;
  readonly port: Port;
  readonly protocol: Protocol;
}
interface HostPortClaim {
  readonly pod: PodObject;
  readonly port: ContainerPort;
}

/** Host ports of this number in order of seniority; one that overlaps an older one is refused as a whole (A34). */
function grantedHostPorts(
  cluster: Cluster,
  node: NodeName,
  destination: { readonly family: Family; readonly port: Port; readonly protocol: Protocol },
): readonly HostPortClaim[] {
  const claims: HostPortClaim[] = [];
  for (const pod of cluster.pods) {
    if (pod.nodeName !== node || pod.hostNetwork || pod.phase === 'Succeeded' || pod.phase === 'Failed')
      continue;
    if (!pod.addresses.some((address) => familyOf(address) === destination.family)) continue;
    for (const port of pod.ports) {
      if (port.hostPort !== destination.port || port.protocol !== destination.protocol) continue;
      if (port.hostIp === null) claims.push({ pod, port });
      else if (familyOf(port.hostIp) !== destination.family) continue;
      else if (mayBind(cluster, node, port.hostIp)) claims.push({ pod, port });
    }
  }
  const granted: HostPortClaim[] = [];
  for (const claim of claims.sort((a, b) => bySeniority(a.pod, b.pod))) {
    if (!granted.some((older) => overlaps(older.port, claim.port))) granted.push(claim);
  }
  return granted;
}

/** A host IP is the node's own or nobody's we know of (another interface); never another node's, a pod's, a Service's (I8). */
function mayBind(cluster: Cluster, node: NodeName, hostIp: Address): boolean {
  if (cluster.nodes.some(({ name, addresses }) => name === node && has(addresses, hostIp))) return true;
  return !(
    cluster.nodes.some(({ addresses }) => has(addresses, hostIp)) ||
    cluster.pods.some(({ addresses }) => addresses.includes(hostIp)) ||
    cluster.services.some(
      ({ clusterIps, externalIps, loadBalancerIngress }) =>
        clusterIps !== 'headless' &&
        clusterIps.length > 0 &&
        (clusterIps.includes(hostIp) || externalIps.includes(hostIp) || has(loadBalancerIngress, hostIp)),
    )
  );
}

function has(listed: readonly { readonly address: Address }[], address: Address): boolean {
  return listed.some((each) => each.address === address);
}

function overlaps(a: ContainerPort, b: ContainerPort): boolean {
  return a.hostIp === null || b.hostIp === null || a.hostIp === b.hostIp;
}

/** Whether any pod here claims the host port on every address of the family: then the node port of that number is not ours to give. */
export function isNodePortShadowed(
  cluster: Cluster,
  node: NodeName,
  destination: { readonly family: Family; readonly port: Port; readonly protocol: Protocol },
): boolean {
  return grantedHostPorts(cluster, node, destination).some(({ port }) => port.hostIp === null);
}

/** The addresses of a node that serve node ports: those inside the given ranges, else the main one of each family (A23). */
export function nodePortAddresses(node: NodeObject, options: CompileOptions): readonly Address[] {
  const all = node.addresses.map(({ address }) => address);
  if (options.nodePortAddresses.length > 0)
    return all.filter((each) => isWithin(options.nodePortAddresses, each));
  return FAMILIES.flatMap((family) => mainAddress(node, family));
}

function mainAddress(node: NodeObject, family: Family): readonly Address[] {
  const mine = node.addresses.filter(({ address }) => familyOf(address) === family);
  const main =
    mine.find(({ type }) => type === 'InternalIP') ?? mine.find(({ type }) => type === 'ExternalIP');
  return main === undefined ? [] : [main.address];
}

/** One of the prefixes contains the address. */
export function isWithin(prefixes: readonly Prefix[], address: Address): boolean {
  return prefixes.some((prefix) => prefixContains(prefix, address));
}

/** Older first; without a creation time an object counts as youngest; then by namespace/name. */
export function bySeniority(a: Meta, b: Meta): number {
  const [left, right] = [a.createdAtMs ?? Number.MAX_SAFE_INTEGER, b.createdAtMs ?? Number.MAX_SAFE_INTEGER];
  return left - right || compareText(objectName(a.namespace, a.name), objectName(b.namespace, b.name));
}
