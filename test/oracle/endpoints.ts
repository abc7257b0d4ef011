/** Which endpoints a Service port has, read straight from its slices. */
import {
  type Address,
  type Family,
  familyOf,
  formatEndpoint,
  type Prefix,
  prefixContains,
} from '../../src/model/address.ts';
import { compareText, type NodeName, objectName, type Port } from '../../src/model/names.ts';
import type {
  EndpointSliceObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
} from '../../src/model/objects.ts';
import type { Cluster } from './question.ts';

/** A place that may serve: an endpoint's address at a port. */
export interface Place {
  readonly address: Address;
  readonly port: Port;
  readonly nodeName: NodeName | null;
  /** Its share beside the others' (F8). */
  readonly weight: number;
}

interface Listed extends Place {
  readonly endpoint: SliceEndpoint;
}

const NEVER_ENDPOINTS: readonly string[] = [
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '0.0.0.0/32',
  '255.255.255.255/32',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
  '::/128',
];

/** Loopback, link-local, multicast, unspecified, broadcast: no such address can be reached from another host (A11, I5). */
export function isUnroutable(address: Address): boolean {
  return NEVER_ENDPOINTS.some((prefix) => prefixContains(prefix as Prefix, address));
}

/** Endpoints for policy Cluster as this node sees them: ready and preferred by topology, else draining ones (A47, A52–A56). */
export function clusterPlaces(
  cluster: Cluster,
  service: ServiceObject,
  port: ServicePort,
  family: Family,
  node: NodeName,
): readonly Place[] {
  const listed = listedEndpoints(cluster, service, port, family);
  const ready = listed.filter(({ endpoint }) => endpoint.ready);
  return ready.length > 0 ? preferred(cluster, ready, node) : listed.filter(isDraining);
}

/** Endpoints for policy Local: ready ones of this node, else draining ones of this node (A41, A43, A46); hints don't count (A54). */
export function localPlaces(
  cluster: Cluster,
  service: ServiceObject,
  port: ServicePort,
  family: Family,
  node: NodeName,
): readonly Place[] {
  const here = listedEndpoints(cluster, service, port, family).filter(({ nodeName }) => nodeName === node);
  const ready = here.filter(({ endpoint }) => endpoint.ready);
  return ready.length > 0 ? ready : here.filter(isDraining);
}

function isDraining({ endpoint }: Listed): boolean {
  return endpoint.serving && endpoint.terminating;
}

/**
 * Every address and port once: where slices disagree, the most useful condition wins (A14, A15). Whatever has no weight
 * is in maintenance (E14).
 */
function listedEndpoints(
  cluster: Cluster,
  service: ServiceObject,
  port: ServicePort,
  family: Family,
): readonly Listed[] {
  const found: Listed[] = [];
  for (const listed of everyEndpoint(cluster, service, port, family)) {
    const at = found.findIndex((each) => each.address === listed.address && each.port === listed.port);
    const other = found[at];
    if (other === undefined) found.push(listed);
    else if (usefulness(listed) > usefulness(other)) found[at] = listed;
  }
  return found.filter(({ weight }) => weight > 0);
}

function usefulness(listed: Listed): number {
  if (listed.endpoint.ready) return 2;
  return isDraining(listed) ? 1 : 0;
}

function everyEndpoint(
  cluster: Cluster,
  service: ServiceObject,
  port: ServicePort,
  family: Family,
): readonly Listed[] {
  const name = objectName(service.namespace, service.name);
  const listed: Listed[] = [];
  const slices = cluster.slices.filter((slice) => slice.service === name && slice.addressType === family);
  for (const slice of [...slices].sort((a, b) => compareText(a.name, b.name))) {
    for (const slicePort of slice.ports) {
      if (slicePort.name !== port.name || slicePort.protocol !== port.protocol) continue;
      for (const endpoint of slice.endpoints) {
        const [address] = endpoint.addresses;
        if (address === undefined || slicePort.port === null || !mayServe(cluster, address)) continue;
        const weight = weightOf(cluster, slice, endpoint);
        listed.push({ address, port: slicePort.port, nodeName: endpoint.nodeName, weight, endpoint });
      }
    }
  }
  return listed;
}

/** As the pod says that has the endpoint's address and is named by it, else as the slice says, else 1 (F8, E14). */
function weightOf(cluster: Cluster, slice: EndpointSliceObject, endpoint: SliceEndpoint): number {
  const [address] = endpoint.addresses;
  const pod = cluster.pods.find(
    ({ namespace, name, addresses }) =>
      objectName(namespace, name) === endpoint.targetPod &&
      address !== undefined &&
      addresses.includes(address),
  );
  for (const object of [pod, slice]) {
    const weight = Number(object?.annotations['weir.dev/weight'] ?? Number.NaN);
    if (Number.isInteger(weight) && weight >= 0 && weight <= 1000) return weight;
  }
  return 1;
}

function mayServe(cluster: Cluster, address: Address): boolean {
  const isClusterIp = cluster.services.some(
    (service) => service.clusterIps !== 'headless' && service.clusterIps.includes(address),
  );
  return !isClusterIp && !isUnroutable(address);
}

function preferred(cluster: Cluster, ready: readonly Listed[], node: NodeName): readonly Place[] {
  const forNode = ready.filter(({ endpoint }) => endpoint.hintNodes.includes(node));
  if (ready.every(({ endpoint }) => endpoint.hintNodes.length > 0) && forNode.length > 0) return forNode;
  const zone = cluster.nodes.find(({ name }) => name === node)?.labels['topology.kubernetes.io/zone'];
  const forZone = ready.filter(({ endpoint }) => zone !== undefined && endpoint.hintZones.includes(zone));
  if (ready.every(({ endpoint }) => endpoint.hintZones.length > 0) && forZone.length > 0) return forZone;
  return ready;
}

/** Sorted `address:port` text. */
export function placeNames(places: readonly Place[]): readonly string[] {
  return places.map(placeName).sort(compareText);
}

/** Weights in the order of the places' names. */
export function placeWeights(places: readonly Place[]): readonly number[] {
  return [...places].sort((a, b) => compareText(placeName(a), placeName(b))).map(({ weight }) => weight);
}

function placeName({ address, port }: Place): string {
  return formatEndpoint(address, port);
}

/** Families of the addresses the Service has: a family without cluster IP is not served (A63). */
export function familiesOf(service: ServiceObject): readonly Family[] {
  return service.clusterIps === 'headless' ? [] : service.clusterIps.map(familyOf);
}
