/** EndpointSlices that follow from a Service's selector and the pods it matches. */
import { type Family, familyOf } from '../model/address.ts';
import { compareText, type NodeName, objectName, type Port } from '../model/names.ts';
import type {
  EndpointSliceObject,
  Labels,
  PodObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
} from '../model/objects.ts';
import { type ClusterZones, withHints } from './hints.ts';
import { HEADLESS_LABEL } from './labels.ts';
import { hasEnded } from './pods.ts';
import type { ProblemText } from './problems.ts';
import { type EndpointGroup, packSlices, type SliceSurroundings } from './slice-packing.ts';

type SlicePort = EndpointSliceObject['ports'][number];

const LARGEST_SLICE = 100;

/**
 * The slices of a Service with a selector. Pods that number a named port differently are in slices of their own; a
 * family without any endpoint has one slice that says so.
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
  const template = { labels: labelsOf(service), annotations: {}, largest: LARGEST_SLICE };
  return { slices: packSlices(service, groups, template, surroundings), problems };
}

/** Those of the Service, but for the one that only slices of headless Services may have. */
function labelsOf({ labels, clusterIps }: ServiceObject): Labels {
  const { [HEADLESS_LABEL]: _, ...others } = labels;
  return clusterIps === 'headless' ? { ...others, [HEADLESS_LABEL]: '' } : others;
}

function groupPods(
  service: ServiceObject,
  pods: readonly PodObject[],
  family: Family,
  zones: ClusterZones,
): { readonly groups: readonly EndpointGroup[]; readonly problems: readonly ProblemText[] } {
  const open: { endpoint: SliceEndpoint; pod: PodObject }[] = [];
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, family, zones);
    if (endpoint !== undefined) open.push({ endpoint, pod });
  }
  if (open.length === 0) return { groups: [{ family, ports: [], endpoints: [] }], problems: [] };
  const hinted = withHints(
    service,
    open.map(({ endpoint }) => endpoint),
    zones,
  );
  const groups = new Map<
    string,
    { family: Family; ports: readonly SlicePort[]; endpoints: SliceEndpoint[] }
  >();
  const portsByPod = portsOf(service);
  for (const [index, { pod }] of open.entries()) {
    const { ports, key } = portsByPod(pod);
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
  // A pod of no node that exists is only published where unready ones are, too.
  if (pod.nodeName === null && !service.publishNotReadyAddresses) return undefined;
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

interface PodPorts {
  readonly ports: readonly SlicePort[];
  /** Equal for equal ports. */
  readonly key: string;
}

/** The ports at which a pod serves the Service. Those that the pod does not have are left out: the others still reach it. */
function portsOf(service: ServiceObject): (pod: PodObject) => PodPorts {
  const resolve = (pod: PodObject | null): PodPorts => {
    const ports = service.ports.flatMap((servicePort) => {
      const port = resolvePort(servicePort, pod);
      if (port === undefined) return [];
      const { name, protocol, appProtocol } = servicePort;
      return [{ name, protocol, ...(appProtocol === undefined ? {} : { appProtocol }), port }];
    });
    return { ports, key: JSON.stringify(ports) };
  };
  if (service.ports.some(({ targetPort }) => typeof targetPort === 'string')) return resolve;
  const same = resolve(null);
  return () => same;
}

/** @param pod null where no pod's names are asked for */
function resolvePort({ targetPort, protocol }: ServicePort, pod: PodObject | null): Port | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return pod?.ports.find(({ name, protocol: own }) => name === targetPort && own === protocol)?.port;
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
