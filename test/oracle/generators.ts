/** Random completed clusters, options and questions: small, full of coincidences, shrinkable. */
import fc from 'fast-check';
import { type Address, FAMILIES, type Family, type Prefix } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { type NodeName, type Port, PROTOCOLS } from '../../src/model/names.ts';
import type { NodeObject, WeirObject } from '../../src/model/objects.ts';
import { mostly, oncePerKey, prefixes } from './generated-choices.ts';
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
    services: fc.array(serviceSeeds(), { maxLength: SERVICES }),
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
  serviceProxyName: mostly<string | null>(null, 'other'),
  sourceRangesAllTypes: mostly(false, true),
});

/** Questions about these objects: mostly at addresses and ports that something serves, sometimes beside them. */
export function questions(objects: readonly WeirObject[]): fc.Arbitrary<Question> {
  const nodes = objects.filter((object) => object.kind === 'Node');
  const services = objects.filter((object) => object.kind === 'Service');
  const pods = objects.filter((object) => object.kind === 'Pod');
  return fc.constantFrom(...FAMILIES).chain((family) => {
    const ports = services.flatMap(({ ports: each }) =>
      each.flatMap(({ port, nodePort }) => [port, nodePort ?? port]),
    );
    const hostPorts = pods.flatMap(({ ports: each }) => each.flatMap(({ hostPort }) => hostPort ?? []));
    const node = fc.constantFrom(...nodes.map(({ name }) => name as NodeName));
    return node.chain((entered) =>
      fc.record({
        node: fc.constant(entered),
        source: sources(objects, entered, family),
        destination: destinations(objects, family),
        port: fc.constantFrom(...ports, ...hostPorts, 81 as Port),
        protocol: fc.constantFrom(...PROTOCOLS, 'TCP' as const, 'TCP' as const),
      }),
    );
  });
}

function sources(
  objects: readonly WeirObject[],
  node: NodeName,
  family: Family,
): fc.Arbitrary<Question['source']> {
  const address = (of: { readonly addresses: readonly Address[] }) =>
    of.addresses.filter((each) => each.includes(':') === (family === 'IPv6'));
  const pods = objects.filter((object) => object.kind === 'Pod').filter(({ hostNetwork }) => !hostNetwork);
  const local = pods.filter((pod) => pod.nodeName === node).flatMap(address);
  const remote = pods.filter((pod) => pod.nodeName !== node).flatMap(address);
  const index = Number(node.slice(1));
  const isolated = either(family, '127.0.0.1', '::1');
  return fc.oneof(
    ...local.map((each) => fc.constant({ address: each, origin: 'pod' as const })),
    ...remote.map((each) => fc.constant({ address: each, origin: 'outside' as const })),
    fc
      .constantFrom(nodeAddress(family, index), isolated)
      .map((each) => ({ address: each, origin: 'node' as const })),
    fc
      .constantFrom(0, 1, 2)
      .map((each) => ({ address: strangerAddress(family, each), origin: 'outside' as const })),
    fc.constant({ address: nodeAddress(family, NODES), origin: 'outside' as const }),
  );
}

function destinations(objects: readonly WeirObject[], family: Family): fc.Arbitrary<Address> {
  const nodes = objects.filter((object) => object.kind === 'Node');
  const all = nodes.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  const mine = all.filter((each) => each.includes(':') === (family === 'IPv6'));
  return fc.oneof(
    { weight: 4, arbitrary: fc.nat(SERVICES - 1).map((index) => clusterIp(family, index)) },
    { weight: 4, arbitrary: fc.nat(2).map((index) => publicAddress(family, index)) },
    { weight: 4, arbitrary: fc.constantFrom(...mine) },
    { weight: 1, arbitrary: fc.constant(clusterIp(family, 90)) },
    { weight: 1, arbitrary: fc.nat(PODS).map((index) => podAddress(family, 0, index)) },
  );
}

function nodeLists(): fc.Arbitrary<readonly NodeObject[]> {
  const seed = fc.record({
    zone: fc.constantFrom(null, ...ZONES),
    role: fc.constantFrom(null, 'edge'),
    hasExternal: fc.boolean(),
  });
  return fc
    .array(seed, { minLength: 1, maxLength: NODES })
    .map((seeds) => seeds.map((each, index) => nodeOf(index, each)));
}

function podLists(): fc.Arbitrary<readonly PodSeed[]> {
  const hostPort = fc.record({
    port: fc.constantFrom(30001, 8080),
    hostIp: fc.constantFrom(null, null, nodeAddress('IPv4', 0), nodeAddress('IPv6', 1)),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
  });
  const seed = fc.record({
    node: fc.nat(NODES - 1),
    isStray: mostly(false, true),
    isHostNetwork: mostly(false, true),
    age: fc.nat(2),
    hostPorts: fc.array(hostPort, { maxLength: 2 }),
  });
  return fc
    .array(seed, { maxLength: PODS })
    .map((seeds) => seeds.map((each) => ({ ...each, hostPorts: oncePerKey(each.hostPorts) })));
}
