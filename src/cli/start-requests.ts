/** What `weir start` asks each round: every Service from a pod of each node, from a node, and from outside. */
import { compareText, objectName } from '../model/names.ts';
import type { NodeObject, PodObject, ServiceObject, ServicePort, WeirObject } from '../model/objects.ts';
import { type ParsedRequest, parseProbeRequest } from '../model/probe-request.ts';

export interface StartRequest {
  /** The Service port (or host port) that is tried, for the table. */
  readonly title: string;
  /** How it is dialled: `cluster IP`, `node port` … */
  readonly by: string;
  readonly request: ParsedRequest;
}

/** The requests for completed objects, ordered by Service; each expands to a line per family. */
export function startRequests(objects: readonly WeirObject[]): readonly StartRequest[] {
  const nodes = objects.filter((object) => object.kind === 'Node').sort(byName);
  const pods = objects.filter((object) => object.kind === 'Pod').sort(byName);
  const services = objects.filter((object) => object.kind === 'Service').sort(byName);
  const inside = [...nodes.flatMap((node) => clientOn(node, pods)), ...nodes.slice(0, 1).map(nodeClient)];
  return [
    ...services.flatMap((service) => service.ports.flatMap((port) => ofPort(service, port, inside, nodes))),
    ...pods.flatMap((pod) => ofHostPorts(pod, nodes)),
  ];
}

function ofPort(
  service: ServiceObject,
  port: ServicePort,
  inside: readonly string[],
  nodes: readonly NodeObject[],
): readonly StartRequest[] {
  if (service.clusterIps === 'headless' || service.type === 'ExternalName') return [];
  const name = objectName(service.namespace, service.name);
  const title = port.name === '' ? name : `${name}:${port.name}`;
  const ask = (by: string, from: string, to: string, number: number) => ({
    title,
    by,
    request: parseProbeRequest({ from, to, port: number, protocol: port.protocol }),
  });
  const virtual = service.loadBalancerIngress.filter(({ ipMode }) => ipMode === 'VIP');
  const balanced = virtual.map(({ address }) => ask('load balancer', 'external', address, port.port));
  const external = service.externalIps.map((address) => ask('external IP', 'external', address, port.port));
  const onNodes = nodes.flatMap((node) =>
    port.nodePort === null
      ? []
      : [ask(`node port ${node.name}`, 'external', `nodeport:${node.name}:${port.nodePort}`, port.nodePort)],
  );
  const within = inside.map((from) => ask('cluster IP', from, `svc:${name}`, port.port));
  return [...within, ...balanced, ...external, ...onNodes];
}

function ofHostPorts(pod: PodObject, nodes: readonly NodeObject[]): readonly StartRequest[] {
  const node = nodes.find(({ name }) => name === pod.nodeName);
  if (node === undefined || pod.hostNetwork) return [];
  return pod.ports.flatMap(({ hostPort, hostIp, protocol, name }) => {
    if (hostPort === null) return [];
    const addresses = hostIp === null ? node.addresses.map(({ address }) => address) : [hostIp];
    return addresses.map((to) => ({
      title: `${objectName(pod.namespace, pod.name)}:${name || hostPort}`,
      by: 'host port',
      request: parseProbeRequest({ from: 'external', to, port: hostPort, protocol }),
    }));
  });
}

function clientOn(node: NodeObject, pods: readonly PodObject[]): readonly string[] {
  const mine = pods.filter((pod) => pod.nodeName === node.name && !pod.hostNetwork);
  const client = mine.find((pod) => pod.ready) ?? mine[0];
  return client === undefined ? [] : [objectName(client.namespace, client.name)];
}

function nodeClient(node: NodeObject): string {
  return `node/${node.name}`;
}

function byName(a: WeirObject, b: WeirObject): number {
  return compareText(objectName(a.namespace, a.name), objectName(b.namespace, b.name));
}
