/** Random Services with hand-made slices. */
import fc from 'fast-check';
import { type Address, FAMILIES, type Family, type Prefix } from '../../src/model/address.ts';
import { objectName, type Port, PROTOCOLS } from '../../src/model/names.ts';
import type {
  EndpointSliceObject,
  PodObject,
  ServiceObject,
  SliceEndpoint,
} from '../../src/model/objects.ts';
import { mostly, oncePerKey, prefixes, rarely } from './generated-choices.ts';
import {
  clusterIp,
  either,
  endpointOf,
  nodeAddress,
  nodeName,
  podAddress,
  publicAddress,
  serviceOf,
  sliceOf,
  strangerAddress,
} from './generated-objects.ts';

/** Zones of generated nodes and hints. */
export const ZONES: readonly string[] = ['east', 'west'];

const DRAINING = { ready: false, serving: true, terminating: true };
const UNREADY = { ready: false, serving: false, terminating: false };
const PUBLISHED = { ready: true, serving: false, terminating: false };
const GONE = { ready: false, serving: false, terminating: true };

/** A Service of any type, policy and oddity; its index decides its name and cluster IPs. */
export function serviceSeeds(): fc.Arbitrary<(index: number) => ServiceObject> {
  const policy = fc.constantFrom('Cluster' as const, 'Local' as const);
  const vip = fc.record({
    family: fc.constantFrom(...FAMILIES),
    address: fc.nat(3),
    ipMode: rarely<'VIP' | 'Proxy'>('VIP', 'Proxy'),
    isStolen: mostly(false, true),
  });
  return fc
    .record({
      type: fc.constantFrom('ClusterIP' as const, 'NodePort' as const, 'LoadBalancer' as const),
      oddity: rarely<'none' | 'headless' | 'ExternalName' | 'otherProxy'>(
        'none',
        'headless',
        'ExternalName',
        'otherProxy',
      ),
      families: fc.constantFrom<readonly Family[]>(
        ['IPv4', 'IPv6'],
        ['IPv4', 'IPv6'],
        ['IPv4'],
        ['IPv6', 'IPv4'],
      ),
      ports: servicePorts(),
      external: policy,
      internal: policy,
      ingress: fc.array(vip, { maxLength: 2, size: 'max' }),
      externalIps: fc.array(vip, { maxLength: 1, size: 'max' }),
      ranges: mostly<readonly Prefix[]>([], prefixes('192.0.2.40/32', 'fd44::/16'), prefixes('192.0.2.0/24')),
      rangesPolicy: fc.constantFrom(null, null, 'allow', 'deny', 'deny,all-types'),
      expose: rarely<string | null>(
        null,
        'LoadBalancer',
        'ClusterIP,NodePort',
        'all on role=edge',
        'all on !role',
      ),
      age: fc.nat(2),
      affinitySeconds: fc.constantFrom(null, 10_800),
    })
    .map((seed) => (index: number) => serviceFromSeed(seed, index));
}

interface AddressSeed {
  readonly family: Family;
  readonly address: number;
  readonly ipMode: 'VIP' | 'Proxy';
  readonly isStolen: boolean;
}

interface ServiceSeed {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  readonly oddity: 'none' | 'headless' | 'ExternalName' | 'otherProxy';
  readonly families: readonly Family[];
  readonly ports: ServiceObject['ports'];
  readonly external: 'Cluster' | 'Local';
  readonly internal: 'Cluster' | 'Local';
  readonly ingress: readonly AddressSeed[];
  readonly externalIps: readonly AddressSeed[];
  readonly ranges: readonly Prefix[];
  readonly rangesPolicy: string | null;
  readonly expose: string | null;
  readonly age: number;
  readonly affinitySeconds: number | null;
}

function serviceFromSeed(seed: ServiceSeed, index: number): ServiceObject {
  const { oddity, families, rangesPolicy, expose } = seed;
  const hasAddresses = oddity !== 'headless' && oddity !== 'ExternalName';
  const isBalanced = seed.type === 'LoadBalancer' && hasAddresses;
  return serviceOf('a', `s${index}`, {
    age: seed.age,
    labels: oddity === 'otherProxy' ? { 'service.kubernetes.io/service-proxy-name': 'other' } : {},
    annotations: {
      ...(rangesPolicy === null ? {} : { 'weir.dev/source-ranges-policy': rangesPolicy }),
      ...(expose === null ? {} : { 'weir.dev/expose': expose }),
    },
    type: oddity === 'ExternalName' ? 'ExternalName' : oddity === 'headless' ? 'ClusterIP' : seed.type,
    clusterIps:
      oddity === 'headless' ? 'headless' : hasAddresses ? families.map((each) => clusterIp(each, index)) : [],
    ipFamilies: families,
    ports: seed.ports.map((port) =>
      hasAddresses && seed.type !== 'ClusterIP' ? port : { ...port, nodePort: null },
    ),
    externalIps: seed.externalIps.map(virtualAddress),
    loadBalancerIngress: isBalanced
      ? seed.ingress.map((each) => ({ address: virtualAddress(each), ipMode: each.ipMode }))
      : [],
    loadBalancerSourceRanges: seed.ranges,
    externalTrafficPolicy: seed.external,
    internalTrafficPolicy: seed.internal,
    affinitySeconds: seed.affinitySeconds,
  });
}

/** A public address; or one that no Service may have: a node's, a pod's or a link's own (I2). */
function virtualAddress({ family, address, isStolen }: AddressSeed): Address {
  if (!isStolen) return publicAddress(family, address);
  const stolen = [nodeAddress(family, 0), podAddress(family, 0, 0), either(family, '127.0.0.9', 'fe80::9')];
  return stolen[address] ?? clusterIp(family, 0);
}

function servicePorts(): fc.Arbitrary<ServiceObject['ports']> {
  const seed = fc.record({
    protocol: fc.constantFrom(...PROTOCOLS, 'TCP' as const),
    port: fc.constantFrom(80, 53),
    nodePort: fc.constantFrom(null, 30001, 30002),
  });
  return fc.array(seed, { minLength: 1, maxLength: 2 }).map((seeds) =>
    oncePerKey(seeds).map((each, index) => ({
      name: ['http', 'other'][index] ?? '',
      protocol: each.protocol,
      port: each.port as Port,
      targetPort: 8080 as Port,
      nodePort: (index === 1 && seeds[0]?.nodePort === each.nodePort ? null : each.nodePort) as Port | null,
    })),
  );
}

/** Slices of the Service: endpoints of pods and strangers in every condition, duplicates and wrong port names among them. */
export function sliceLists(
  service: ServiceObject,
  pods: readonly PodObject[],
  nodes: number,
): fc.Arbitrary<readonly EndpointSliceObject[]> {
  const slice = fc.constantFrom(...FAMILIES).chain((family) =>
    fc.record({
      addressType: rarely<Family | 'FQDN'>(family, 'FQDN'),
      names: rarely<readonly string[]>(['http', 'other'], ['http'], ['wrong']),
      port: fc.constantFrom(8080, 8081),
      isDraining: rarely(false, true),
      weight: rarely<string | null>(null, '0', '3', '1000', '-1'),
      endpoints: fc.array(endpoints(family, pods, nodes), { minLength: 1, maxLength: 4, size: 'max' }),
    }),
  );
  return fc.array(slice, { maxLength: 3, size: 'max' }).map((seeds) =>
    seeds.map(({ addressType, names, port, isDraining, weight, endpoints: listed }, index) => {
      const given = {
        addressType,
        endpoints: isDraining ? listed.map((each) => ({ ...each, ...DRAINING })) : listed,
        ports: names.map((name) => ({
          name,
          protocol: service.ports.find((each) => each.name === name)?.protocol ?? 'TCP',
          port: port as Port,
        })),
      };
      return sliceOf(service, index, given, weight);
    }),
  );
}

function endpoints(family: Family, pods: readonly PodObject[], nodes: number): fc.Arbitrary<SliceEndpoint> {
  const ofPods = pods.flatMap((pod) =>
    pod.addresses
      .filter((address) => address.includes(':') === (family === 'IPv6'))
      .map((address) => ({
        address,
        nodeName: pod.nodeName,
        targetPod: objectName(pod.namespace, pod.name),
      })),
  );
  const strangers = [
    strangerAddress(family, 0),
    strangerAddress(family, 5),
    either(family, '127.0.0.1', 'fe80::1'),
    clusterIp(family, 1),
  ];
  const place = fc.oneof(
    ...ofPods.map((each) => fc.constant(each)),
    ...ofPods.map(({ address, targetPod }) => fc.constant({ address, nodeName: null, targetPod })),
    ...ofPods.map(({ address }) => fc.constant({ address, nodeName: null, targetPod: null })),
    fc.constantFrom(...strangers).map((address) => ({ address, nodeName: null, targetPod: null })),
    fc.record({
      address: fc.constant(strangerAddress(family, 1)),
      nodeName: fc.nat(nodes - 1).map(nodeName),
      targetPod: fc.constantFrom(null, objectName('a', 'p0')),
    }),
  );
  const state = mostly(
    { ready: true, serving: true, terminating: false },
    DRAINING,
    UNREADY,
    PUBLISHED,
    GONE,
  );
  const hints = fc.record({
    hintZones: fc.subarray([...ZONES]),
    hintNodes: fc.oneof(
      fc.constant([]),
      fc.nat(nodes - 1).map((index) => [nodeName(index)]),
    ),
  });
  return fc
    .tuple(place, state, hints)
    .map(([{ address, nodeName: on, targetPod }, conditions, hinted]) =>
      endpointOf(address, { nodeName: on, targetPod, ...conditions, ...hinted }),
    );
}
