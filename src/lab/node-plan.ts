/** Plans of a node and of its pods. */
import { type Address, FAMILIES, familyOf } from '../model/address.ts';
import { objectName, type Port } from '../model/names.ts';
import { controlSocket, underlayDevice, underlayNamespace } from './lab-names.ts';
import { type LabNode, type LabPod, mainAddress, networksBehind, nextHop, type Station } from './members.ts';
import type { LinkPlan, NamespacePlan, ProcessPlan, ServerPort, Setting } from './plan.ts';
import {
  acquaintance,
  DEVICE,
  defaultRoute,
  hostAddress,
  linkLocal,
  neighbour,
  POD_GATEWAY_V4,
  POD_GATEWAY_V6,
  route,
  routeBehind,
} from './settings.ts';
import { COMMON_SYSCTLS, NODE_SYSCTLS } from './sysctls.ts';

/** Bridge of the underlay. */
export const BRIDGE = 'br0';

/** The node's namespace: its addresses, its way to the other stations, to what is behind them, and to its pods. */
export function nodeNamespacePlan(
  node: LabNode,
  others: readonly LabNode[],
  external: Station,
): NamespacePlan {
  const routes = others.flatMap((other) =>
    networksBehind(other).map((network) => routeBehind(node, other, network as Address)),
  );
  const defaults = FAMILIES.map((family) =>
    defaultRoute(family === 'IPv4' ? 4 : 6, nextHop(external, family), DEVICE, mainAddress(node, family)),
  );
  return {
    name: node.namespace,
    sysctls: NODE_SYSCTLS,
    incarnation: 'node',
    settings: unique([
      ...stationAddresses(node),
      ...[external, ...others].flatMap((other) => acquaintance(node, other)),
      ...routes,
      ...defaults,
      ...node.pods.flatMap((pod) => hostSideSettings(node, pod)),
    ]),
  };
}

/** A pod's namespace: everything goes to the gateway, whose hardware address is known. */
export function podNamespacePlan(labPod: LabPod): NamespacePlan {
  const { pod, namespace, hostMac } = labPod;
  const settings = pod.addresses.flatMap((address) => {
    const v4 = familyOf(address) === 'IPv4';
    const gateway = v4 ? POD_GATEWAY_V4 : POD_GATEWAY_V6;
    return [
      hostAddress(address, DEVICE),
      neighbour(gateway, hostMac, DEVICE),
      defaultRoute(v4 ? 4 : 6, `via ${gateway}`, DEVICE, address),
    ];
  });
  return {
    name: namespace,
    sysctls: COMMON_SYSCTLS,
    settings: unique(settings),
    incarnation: `pod on ${pod.nodeName}`,
  };
}

export function podLink(node: LabNode, { namespace, device, mac, hostMac }: LabPod): LinkPlan {
  return {
    namespace: node.namespace,
    device,
    mac: hostMac,
    master: null,
    peerNamespace: namespace,
    peerDevice: DEVICE,
    peerMac: mac,
  };
}

/** The cable from the underlay's bridge to a station. */
export function underlayLink(lab: string, station: Station): LinkPlan {
  return {
    namespace: underlayNamespace(lab),
    device: underlayDevice(station.name),
    // A bridge port's own address is never used; it only must not be the station's.
    mac: `06${station.mac.slice(2)}`,
    master: BRIDGE,
    peerNamespace: station.namespace,
    peerDevice: DEVICE,
    peerMac: station.mac,
  };
}

/** The processes of a node: its own probe point, and one for each pod. */
export function nodeProcesses(lab: string, node: LabNode, cgroups: boolean): readonly ProcessPlan[] {
  const probePoint: ProcessPlan = {
    id: `node/${node.name}`,
    namespace: node.namespace,
    cgroup: cgroups ? `${node.cgroup}/node` : null,
    socket: controlSocket(lab, `node/${node.name}`),
    pod: node.name,
    podNamespace: '-',
    node: node.name,
    servers: [],
    owner: true,
    sctpPortsOfOthers: node.hostPods.flatMap(({ pod }) => sctpPorts(serversOf(pod.ports))),
  };
  const pods = [...node.pods, ...node.hostPods].map(({ pod, namespace, cgroup }): ProcessPlan => {
    const id = objectName(pod.namespace, pod.name);
    return {
      id,
      namespace,
      cgroup: cgroups ? cgroup : null,
      socket: controlSocket(lab, id),
      pod: pod.name,
      podNamespace: pod.namespace,
      node: node.name,
      servers: serversOf(pod.ports),
      owner: !pod.hostNetwork,
      sctpPortsOfOthers: [],
    };
  });
  return [probePoint, ...pods];
}

/** The addresses of a station on the underlay. */
export function stationAddresses(station: Station): readonly Setting[] {
  return [
    linkLocal(station.linkLocal, DEVICE),
    ...station.addresses.map((address) => hostAddress(address, DEVICE)),
  ];
}

/** Each setting once, where it stands first. */
export function unique(settings: readonly Setting[]): readonly Setting[] {
  return [...new Map(settings.map((setting) => [JSON.stringify(setting), setting])).values()];
}

function hostSideSettings(node: LabNode, { pod, device, mac, routed }: LabPod): readonly Setting[] {
  return [
    linkLocal(POD_GATEWAY_V6, device),
    ...pod.addresses.map((address) => neighbour(address, mac, device)),
    ...routed.map((address) => route(address, '', device, mainAddress(node, familyOf(address)))),
  ];
}

function serversOf(ports: readonly ServerPort[]): readonly ServerPort[] {
  const servers = ports.map(({ protocol, port }) => ({ protocol, port }));
  return [...new Map(servers.map((server) => [`${server.protocol} ${server.port}`, server])).values()];
}

function sctpPorts(servers: readonly ServerPort[]): readonly Port[] {
  return servers.filter(({ protocol }) => protocol === 'SCTP').map(({ port }) => port);
}
