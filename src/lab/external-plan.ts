/** The client outside the cluster, who is every node's default gateway and also plays endpoints outside the cluster. */
import { type Address, FAMILIES, familyOf, type Prefix, prefixContains } from '../model/address.ts';
import type { Port } from '../model/names.ts';
import type { EndpointSliceObject, WeirObject } from '../model/objects.ts';
import { EXTERNAL_ADDRESSES } from '../model/probe-expansion.ts';
import { controlSocket, externalNamespace, hardwareAddress, linkLocalAddress } from './lab-names.ts';
import { type LabNode, networksBehind, nextHop, type Station } from './members.ts';
import { stationAddresses, unique } from './node-plan.ts';
import type { NamespacePlan, ProcessPlan, ServerPort, Setting } from './plan.ts';
import { acquaintance, DEVICE, defaultRoute, hostAddress, route } from './settings.ts';
import { COMMON_SYSCTLS } from './sysctls.ts';

const UNDERLAY_ADDRESSES = ['172.31.0.254', 'fd31::fe'] as readonly string[] as readonly Address[];
/** What the world outside serves whatever the manifests say, so that pods' ways out can be tried. */
const USUAL_PORTS: readonly ServerPort[] = (['TCP', 'UDP'] as const).flatMap((protocol) =>
  [53, 80, 443].map((port) => ({ protocol, port: port as Port })),
);
/** Never the address of an endpoint outside. */
const UNUSABLE: readonly Prefix[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
] as readonly string[] as readonly Prefix[];
const FIRST_TABLE = 1000;
const FIRST_PRIORITY = 200;

/** The external client as the nodes see it. */
export function externalStation(lab: string): Station {
  const mac = hardwareAddress('external');
  return {
    name: 'external',
    namespace: externalNamespace(lab),
    mac,
    linkLocal: linkLocalAddress(mac) as Address,
    addresses: UNDERLAY_ADDRESSES,
  };
}

/** Marks by which a probe's packets enter the cluster at a node: 1, 2 … by name. */
export function entryMarks(nodes: readonly LabNode[]): Readonly<Record<string, number>> {
  return Object.fromEntries(nodes.map(({ name }, index) => [name, index + 1]));
}

/**
 * Pods and nodes are reached directly, by routes of the main table; everything else by the node that the packet's
 * mark names, or by the first node.
 */
export function externalNamespacePlan(
  station: Station,
  nodes: readonly LabNode[],
  outside: readonly Address[],
): NamespacePlan {
  const own = [...Object.values(EXTERNAL_ADDRESSES), ...outside];
  // Its packets carry the well-known addresses, not those it has on the underlay.
  const self: Station = { ...station, addresses: Object.values(EXTERNAL_ADDRESSES) };
  return {
    name: station.namespace,
    sysctls: COMMON_SYSCTLS,
    incarnation: 'external',
    settings: unique([
      ...own.map((address) => hostAddress(address, 'lo')),
      ...stationAddresses(station),
      ...nodes.flatMap((node) => acquaintance(self, node)),
      ...nodes.flatMap((node) =>
        networksBehind(node).map((network) => {
          const family = familyOf(network as Prefix);
          return route(network as Prefix, nextHop(node, family), DEVICE, EXTERNAL_ADDRESSES[family]);
        }),
      ),
      ...entryRoutes(nodes),
    ]),
  };
}

export function externalProcess(
  lab: string,
  station: Station,
  endpoints: readonly ServerPort[],
): ProcessPlan {
  const servers = [...USUAL_PORTS, ...endpoints];
  return {
    id: 'external',
    namespace: station.namespace,
    cgroup: null,
    socket: controlSocket(lab, 'external'),
    pod: 'external',
    podNamespace: '-',
    node: '-',
    servers: [...new Map(servers.map((server) => [`${server.protocol} ${server.port}`, server])).values()],
    owner: true,
    sctpPortsOfOthers: [],
  };
}

/** Endpoints of slices that no pod, node or Service has the address of: they are outside the cluster. */
export function outsideEndpoints(
  objects: readonly WeirObject[],
  nodes: readonly LabNode[],
): { readonly addresses: readonly Address[]; readonly ports: readonly ServerPort[] } {
  const inside = new Set<Address>();
  for (const object of objects) {
    if (object.kind === 'Node') for (const { address } of object.addresses) inside.add(address);
    if (object.kind === 'Pod') for (const address of object.addresses) inside.add(address);
    if (object.kind === 'Service' && object.clusterIps !== 'headless')
      for (const address of object.clusterIps) inside.add(address);
  }
  const networks = [...UNUSABLE, ...nodes.flatMap(({ podCidrs }) => podCidrs)];
  const isOutside = (address: Address) =>
    !inside.has(address) && !networks.some((network) => prefixContains(network, address));
  const addresses = new Set<Address>();
  const ports: ServerPort[] = [];
  for (const slice of objects.filter((object) => object.kind === 'EndpointSlice')) {
    const found = sliceAddresses(slice).filter(isOutside);
    for (const address of found) addresses.add(address);
    if (found.length === 0) continue;
    for (const { protocol, port } of slice.ports) if (port !== null) ports.push({ protocol, port });
  }
  return { addresses: [...addresses], ports };
}

function sliceAddresses(slice: EndpointSliceObject): readonly Address[] {
  if (slice.addressType === 'FQDN') return [];
  return slice.endpoints.flatMap(({ addresses }) => addresses);
}

function entryRoutes(nodes: readonly LabNode[]): readonly Setting[] {
  const [first] = nodes;
  if (first === undefined) return [];
  return FAMILIES.flatMap((each): readonly Setting[] => {
    const family = each === 'IPv4' ? 4 : 6;
    const source = EXTERNAL_ADDRESSES[each];
    const byMark = nodes.flatMap((node, index): readonly Setting[] => {
      const way = defaultRoute(family, nextHop(node, each), DEVICE, source);
      const table = FIRST_TABLE + index;
      const rule = `pref ${FIRST_PRIORITY + index} fwmark ${index + 1} lookup ${table}`;
      return [
        { ...way, text: `${way.text} table ${table}` },
        { family, object: 'rule', text: rule },
      ];
    });
    const mainFirst: Setting = {
      family,
      object: 'rule',
      text: `pref ${FIRST_PRIORITY - 1} lookup main suppress_prefixlength 0`,
    };
    return [mainFirst, ...byMark, defaultRoute(family, nextHop(first, each), DEVICE, source)];
  });
}
