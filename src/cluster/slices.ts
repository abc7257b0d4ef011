/** EndpointSlices that follow from a Service's selector and the pods it matches. */
import { type Family, familyOf } from '../model/address.ts';
import { compareText, type NodeName, objectName, type Port } from '../model/names.ts';
import type {
  EndpointSliceObject,
  PodObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
} from '../model/objects.ts';
import { type ClusterZones, withHints } from './hints.ts';
import { hasEnded } from './pods.ts';
import type { ProblemText } from './problems.ts';
import { type EndpointGroup, packSlices, type SliceSurroundings } from './slice-packing.ts';

type SlicePort = EndpointSliceObject['ports'][number];

/**
 * The slices of a Service with a selector. Pods that name a port differently numbered are in slices of their own.
 *
 * @param service completed
 * @param pods completed, those that the selector matches, in any order
 */
export function slicesFromPods(
  service: ServiceObject,
  pods: readonly PodObject[],
  zones: ClusterZones,
  surroundings: SliceSurroundings,
): { readonly slices: readonly EndpointSliceObject[]; readonly problems: readonly ProblemText[] } {
  const sorted = [...pods].sort((a, b) => compareText(a.name, b.name));
  const families = service.ipFamilies.map((family) => groupPods(service, sorted, family, zones));
  const groups = families.flatMap((family) => family.groups);
  const problems = [...portProblems(service, sorted), ...uniqueProblems(families)];
  return { slices: packSlices(service, groups, surroundings), problems };
}

function groupPods(
  service: ServiceObject,
  pods: readonly PodObject[],
  family: Family,
  zones: ClusterZones,
): { readonly groups: readonly EndpointGroup[]; readonly problems: readonly ProblemText[] } {
  const open: { endpoint: SliceEndpoint; ports: readonly SlicePort[] }[] = [];
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, family, zones);
    if (endpoint !== undefined) open.push({ endpoint, ports: portsOf(service, pod) });
  }
  const hinted = withHints(
    service,
    open.map(({ endpoint }) => endpoint),
    zones,
  );
  const groups = new Map<
    string,
    { family: Family; ports: readonly SlicePort[]; endpoints: SliceEndpoint[] }
  >();
  for (const [index, { ports }] of open.entries()) {
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { family, ports, endpoints: [] };
    groups.set(key, group);
    const endpoint = hinted.endpoints[index];
    if (endpoint !== undefined) group.endpoints.push(endpoint);
  }
  const sorted = [...groups].sort(([a], [b]) => compareText(a, b)).map(([, group]) => group);
  return { groups: sorted, problems: hinted.problems };
}

/** What is wrong with both families is told once. */
function uniqueProblems(
  families: readonly { readonly problems: readonly ProblemText[] }[],
): readonly ProblemText[] {
  const byMessage = families.flatMap(({ problems }) => problems).map((each) => [each.message, each] as const);
  return [...new Map(byMessage).values()];
}

function endpointOf(
  service: ServiceObject,
  pod: PodObject,
  family: Family,
  zones: ClusterZones,
): SliceEndpoint | undefined {
  const address = pod.addresses.find((candidate) => familyOf(candidate) === family);
  if (address === undefined || hasEnded(pod)) return undefined;
  // As kube-controller-manager has it: a terminating pod is never ready, unless unready ones are published too.
  const ready = service.publishNotReadyAddresses || (pod.ready && !pod.deleting);
  return {
    addresses: [address],
    ready,
    serving: pod.ready,
    terminating: pod.deleting,
    nodeName: pod.nodeName,
    zone: pod.nodeName === null ? null : zones.zoneOf(pod.nodeName),
    hintZones: [],
    hintNodes: [] as readonly NodeName[],
    targetPod: objectName(pod.namespace, pod.name),
    hostname: pod.hostname !== '' && pod.subdomain === service.name ? pod.hostname : null,
  };
}

/** Ports that the pod does not have are left out: the others still reach it. */
function portsOf(service: ServiceObject, pod: PodObject): readonly SlicePort[] {
  return service.ports.flatMap((servicePort) => {
    const port = resolvePort(servicePort, pod);
    return port === undefined ? [] : { name: servicePort.name, protocol: servicePort.protocol, port };
  });
}

function resolvePort({ targetPort, protocol }: ServicePort, pod: PodObject): Port | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return pod.ports.find(({ name, protocol: own }) => name === targetPort && own === protocol)?.port;
}

function portProblems(service: ServiceObject, pods: readonly PodObject[]): readonly ProblemText[] {
  return service.ports.flatMap((servicePort, index) => {
    const without = pods.filter((pod) => !hasEnded(pod) && resolvePort(servicePort, pod) === undefined);
    const [first] = without;
    if (first === undefined) return [];
    const others = without.length > 1 ? ` and ${without.length - 1} more` : '';
    return {
      severity: 'warning' as const,
      field: `spec.ports[${index}].targetPort`,
      reason: 'PortNotFound',
      message: `pod ${first.name}${others} has no ${servicePort.protocol} port named "${servicePort.targetPort}"`,
      remedy: "name a container's port so, or use its number as targetPort",
    };
  });
}
