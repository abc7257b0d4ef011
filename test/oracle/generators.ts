/** Random completed clusters, options and questions: small, full of coincidences, shrinkable. */
import fc from 'fast-check';
import { type Address, FAMILIES, type Family, familyOf, type Prefix } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { type NodeName, type Port, PROTOCOLS } from '../../src/model/names.ts';
import type { NodeObject, WeirObject } from '../../src/model/objects.ts';
import type { Scheduler } from '../../src/model/rows.ts';
import { mostly, oncePerKey, prefixes, rarely } from './generated-choices.ts';
import {
  clusterIp,
  either,
  nodeAddress,
  nodeName,
  nodeOf,
  type PodSeed,
  podAddress,
  podOf,
  publicAddress,
  strangerAddress,
} from './generated-objects.ts';
import { serviceSeeds, sliceLists, ZONES } from './generated-services.ts';
import type { Question } from './question.ts';

const NODES = 3;
const PODS = 5;
const SERVICES = 4;

/** A cluster of up to three nodes, five pods and four Services with hand-made slices. */
export const clusters: fc.Arbitrary<readonly WeirObject[]> = fc
  .record({
    nodes: nodeLists(),
    pods: podLists(),
    services: fc.array(serviceSeeds(), { minLength: 1, maxLength: SERVICES, size: 'max' }),
  })
  .chain(({ nodes, pods: podSeeds, services: seeds }) => {
    const pods = podSeeds.map((seed, index) => podOf(index, { ...seed, node: seed.node % nodes.length }));
    const services = seeds.map((seed, index) => seed(index));
    const slices = fc.tuple(...services.map((service) => sliceLists(service, pods, nodes.length)));
    return slices.map((lists) => [...nodes, ...pods, ...services, ...lists.flat()]);
  });

/** Options as a node's flags might set them. */
export const compileOptions: fc.Arbitrary<CompileOptions> = fc.record({
  node: fc.constant(nodeName(0)),
  nodePortAddresses: mostly<readonly Prefix[]>(
    [],
    prefixes('172.31.0.0/24'),
    prefixes('198.18.0.0/15', 'fd31::/64'),
  ),
  clusterCidrs: mostly<readonly Prefix[]>([], prefixes('10.244.0.0/16', 'fd44::/16')),
  detectLocalMode: fc.constant('NodeCIDR' as const),
  serviceCidrs: fc.constant(prefixes('10.96.0.0/16', 'fd96::/112')),
  nodePortRange: fc.constant([30000, 32767] as unknown as readonly [Port, Port]),
  masqueradeAll: mostly(false, true),
  masqueradePods: fc.boolean(),
  nonMasqueradeCidrs: mostly<readonly Prefix[]>([], prefixes('192.0.2.40/31')),
  allowExternalClusterIp: mostly(false, true),
  externalIpCidrs: mostly<readonly Prefix[]>([], prefixes('203.0.113.128/31', '2001:db8:7::/64')),
  serviceProxyName: rarely<string | null>(null, 'other'),
  sourceRangesAllTypes: mostly(false, true),
  scheduler: mostly<Scheduler>('random', 'rr'),
  ejects: fc.boolean(),
});

/** Questions about these objects: mostly at addresses and ports that something serves, sometimes beside them. */
export function questions(objects: readonly WeirObject[]): fc.Arbitrary<Question> {
  const nodes = objects.filter((object) => object.kind === 'Node');
  const asked = FAMILIES.flatMap((family) =>
    nodes.map(({ name }) => {
      const node = name as NodeName;
      const target = fc.oneof(
        ...reachableTargets(objects, family).map((each) => ({
          weight: 4,
          arbitrary: fc.constantFrom(...each),
        })),
        { weight: 1, arbitrary: besideTargets(objects, family) },
      );
      const source = sources(objects, node, family);
      return fc
        .record({ source, target })
        .map(({ source: from, target: to }) => ({ node, source: from, ...to }));
    }),
  );
  return fc.oneof(...asked);
}

/** Targets at nodes and at virtual addresses: there are many more of the first, and both matter alike. */
function reachableTargets(objects: readonly WeirObject[], family: Family): readonly (readonly Target[])[] {
  const nodes = new Set(nodeAddressesOf(objects));
  const targets = targetsOf(objects).filter(({ destination }) => familyOf(destination) === family);
  return [
    targets.filter(({ destination }) => nodes.has(destination)),
    targets.filter(({ destination }) => !nodes.has(destination)),
  ].filter((each) => each.length > 0);
}

function nodeAddressesOf(objects: readonly WeirObject[]): readonly Address[] {
  return objects
    .filter((object) => object.kind === 'Node')
    .flatMap(({ addresses }) => addresses.map(({ address }) => address));
}

type Target = Pick<Question, 'destination' | 'port' | 'protocol'>;

/** Every address, port and protocol at which an object may be served on some node. */
function targetsOf(objects: readonly WeirObject[]): readonly Target[] {
  const nodeAddresses = nodeAddressesOf(objects);
  return objects.flatMap((object): readonly Target[] => {
    if (object.kind === 'Pod') {
      return object.ports.flatMap(({ hostPort, protocol }) =>
        hostPort === null
          ? []
          : nodeAddresses.map((destination) => ({ destination, port: hostPort, protocol })),
      );
    }
    if (object.kind !== 'Service') return [];
    const virtual = [
      ...(object.clusterIps === 'headless' ? [] : object.clusterIps),
      ...object.loadBalancerIngress.map(({ address }) => address),
      ...object.externalIps,
    ];
    return object.ports.flatMap(({ port, nodePort, protocol }) => [
      ...virtual.map((destination) => ({ destination, port, protocol })),
      ...(nodePort === null
        ? []
        : nodeAddresses.map((destination) => ({ destination, port: nodePort, protocol }))),
    ]);
  });
}

/** Addresses and ports that need not go together: undefined ports, unallocated addresses, pods. */
function besideTargets(objects: readonly WeirObject[], family: Family): fc.Arbitrary<Target> {
  const known = targetsOf(objects);
  return fc.record({
    destination: fc.oneof(
      fc.nat(SERVICES - 1).map((index) => clusterIp(family, index)),
      fc.nat(2).map((index) => publicAddress(family, index)),
      fc.nat(NODES - 1).map((index) => nodeAddress(family, index)),
      fc.constantFrom(clusterIp(family, 90), podAddress(family, 0, 0), strangerAddress(family, 0)),
    ),
    port: fc.constantFrom(81 as Port, ...known.map(({ port }) => port)),
    protocol: fc.constantFrom(...PROTOCOLS),
  });
}

function sources(
  objects: readonly WeirObject[],
  node: NodeName,
  family: Family,
): fc.Arbitrary<Question['source']> {
  const pods = objects.filter((object) => object.kind === 'Pod').filter(({ hostNetwork }) => !hostNetwork);
  const podSources = pods.flatMap((pod) =>
    pod.addresses
      .filter((address) => familyOf(address) === family)
      .map((address) => ({
        address,
        origin: pod.nodeName === node ? ('pod' as const) : ('outside' as const),
      })),
  );
  const index = Number(node.slice(1));
  const loopback = either(family, '127.0.0.1', '::1');
  return fc.oneof(
    ...podSources.map((each) => fc.constant(each)),
    fc
      .constantFrom(nodeAddress(family, index), loopback)
      .map((address) => ({ address, origin: 'node' as const })),
    fc.nat(2).map((at) => ({ address: strangerAddress(family, at), origin: 'outside' as const })),
    fc.constant({ address: nodeAddress(family, NODES), origin: 'outside' as const }),
  );
}

function nodeLists(): fc.Arbitrary<readonly NodeObject[]> {
  const seed = fc.record({
    zone: fc.constantFrom(null, ...ZONES),
    role: fc.constantFrom(null, 'edge'),
    hasExternal: fc.boolean(),
  });
  return fc
    .array(seed, { minLength: 1, maxLength: NODES, size: 'max' })
    .map((seeds) => seeds.map((each, index) => nodeOf(index, each)));
}

function podLists(): fc.Arbitrary<readonly PodSeed[]> {
  const hostPort = fc.record({
    port: fc.constantFrom(30001, 8080),
    hostIp: fc.constantFrom(
      null,
      null,
      nodeAddress('IPv4', 0),
      nodeAddress('IPv6', 1),
      publicAddress('IPv4', 0),
    ),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
  });
  const seed = fc.record({
    node: fc.nat(NODES - 1),
    isStray: mostly(false, true),
    isHostNetwork: mostly(false, true),
    age: fc.nat(2),
    weight: mostly<string | null>(null, '0', '7', 'heavy'),
    hostPorts: fc.array(hostPort, { maxLength: 2 }),
  });
  return fc
    .array(seed, { maxLength: PODS, size: 'max' })
    .map((seeds) => seeds.map((each) => ({ ...each, hostPorts: oncePerKey(each.hostPorts) })));
}
