/** Random small clusters, full of clashes: few names, few addresses, every kind of object. */
import fc from 'fast-check';
import type { AddressPool } from '../../src/cluster/address-pool.ts';
import type { ControlPlaneMemory } from '../../src/cluster/last-good.ts';
import { entriesOf } from '../../src/cluster/snapshot.ts';
import type { Address, Family, Prefix } from '../../src/model/address.ts';
import { type NodeName, objectKey, objectName, type Port } from '../../src/model/names.ts';
import type {
  ObjectChange,
  ObjectKind,
  PodObject,
  ServiceObject,
  WeirObject,
} from '../../src/model/objects.ts';
import {
  endpointsObject,
  namespaceObject,
  nodeObject,
  podObject,
  serviceCidrObject,
  serviceObject,
  servicePort,
  sliceEndpoint,
  sliceObject,
} from '../objects.ts';

const namespace = fc.constantFrom('shop', 'lab');
const age = fc.constantFrom(null, 1000, 2000);
const app = fc.constantFrom('web', 'db');
const orNull = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: null });

const node = fc
  .record({
    name: fc.constantFrom('n1', 'n2', 'n3'),
    zone: orNull(fc.constantFrom('a', 'b')),
    explicit: fc.boolean(),
    cordoned: fc.boolean(),
    cpuMillis: fc.constantFrom(undefined, 1000, 4000),
  })
  .map(({ name, zone, explicit, cordoned, cpuMillis }) =>
    nodeObject({
      name,
      labels: zone === null ? {} : { 'topology.kubernetes.io/zone': zone },
      ...(cordoned ? { unschedulable: true as const } : {}),
      ...(cpuMillis === undefined ? {} : { cpuMillis }),
      ...(explicit
        ? {
            addresses: [{ type: 'InternalIP', address: '172.31.0.2' as Address }],
            podCidrs: ['10.244.9.0/29' as Prefix],
          }
        : {}),
    }),
  );

const pod = fc
  .record({
    namespace,
    name: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
    app,
    createdAtMs: age,
    nodeName: orNull(fc.constantFrom('n1', 'n2', 'nowhere')),
    address: orNull(fc.constantFrom('10.244.1.9', '10.244.9.3')),
    port: fc.constantFrom(8080, 9090),
    ready: fc.boolean(),
    deleting: fc.boolean(),
    hostNetwork: fc.boolean(),
    phase: fc.constantFrom<PodObject['phase']>('Running', 'Running', 'Succeeded'),
  })
  .map(({ app: label, nodeName, address, port, ...rest }) =>
    podObject({
      ...rest,
      labels: { app: label },
      nodeName: nodeName as NodeName | null,
      addresses: address === null ? [] : [address as Address],
      ports: [{ name: 'http', port: port as Port, protocol: 'TCP', hostPort: null, hostIp: null }],
    }),
  );

/** Fewer addresses than load balancers may want. */
export const SCARCE_POOLS: readonly AddressPool[] = [
  {
    name: 'default',
    class: null,
    ranges: [
      { first: '192.0.2.1' as Address, last: '192.0.2.2' as Address },
      { first: '2001:db8::1' as Address, last: '2001:db8::2' as Address },
    ],
    autoAssign: true,
  },
  {
    name: 'internal',
    class: 'example.com/internal',
    ranges: [{ first: '192.0.2.9' as Address, last: '192.0.2.9' as Address }],
    autoAssign: true,
  },
];

const shared = (annotations: Readonly<Record<string, string>> = {}, port = 80): Partial<ServiceObject> => ({
  annotations: { 'weir.dev/allow-shared-ip': 'key', ...annotations },
  ports: [servicePort({ port: port as Port })],
});

/** What load balancers ask for, where it differs. */
export const BALANCERS: readonly Partial<ServiceObject>[] = [
  {},
  { loadBalancerIp: '192.0.2.1' as Address },
  { annotations: { 'weir.dev/load-balancer-ips': '192.0.2.2,2001:db8::1' } },
  { loadBalancerIngress: [{ address: '192.0.2.1' as Address, ipMode: 'VIP' }] },
  { loadBalancerClass: 'example.com/internal' },
  { loadBalancerClass: 'example.com/nobody' },
  shared(),
  shared({}, 81),
  shared({ 'weir.dev/load-balancer-ips': '192.0.2.1' }, 82),
];

const serviceCidr = fc
  .record({
    name: fc.constantFrom('kubernetes', 'more'),
    cidr: fc.constantFrom('10.97.0.0/30', '10.96.0.0/29', 'fd97::/126'),
    deleting: fc.boolean(),
  })
  .map(({ name, cidr, deleting }) => serviceCidrObject({ name, cidrs: [cidr as Prefix], deleting }));

const service = fc
  .record({
    namespace,
    name: fc.constantFrom('s1', 's2', 's3'),
    selector: orNull(app),
    createdAtMs: age,
    type: fc.constantFrom<ServiceObject['type']>('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
    clusterIp: orNull(fc.constantFrom('10.96.0.7', '10.96.0.8', 'headless')),
    policy: fc.constantFrom<ServiceObject['ipFamilyPolicy']>(null, 'PreferDualStack', 'RequireDualStack'),
    nodePort: orNull(fc.constantFrom(30001, 30002, 80)),
    named: fc.boolean(),
    mode: fc.constantFrom<Partial<ServiceObject>>(
      {},
      { trafficDistribution: 'PreferClose' },
      { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } },
    ),
    local: fc.boolean(),
    balancer: fc.constantFrom<Partial<ServiceObject>>(...BALANCERS),
  })
  .map(({ selector, clusterIp, policy, nodePort, named, mode, local, type, balancer, ...rest }) => {
    const headless = clusterIp === 'headless' && type === 'ClusterIP';
    const explicit =
      clusterIp === null || clusterIp === 'headless' || type === 'ExternalName' ? [] : [clusterIp as Address];
    const exposed = type === 'NodePort' || type === 'LoadBalancer';
    return serviceObject({
      ...rest,
      ...(type === 'LoadBalancer' ? balancer : mode),
      type,
      selector: selector === null ? null : { app: selector },
      clusterIps: headless ? 'headless' : explicit,
      ipFamilies: explicit.length > 0 ? (['IPv4'] as readonly Family[]) : [],
      ipFamilyPolicy: policy,
      externalTrafficPolicy: local ? 'Local' : 'Cluster',
      ports: (type === 'LoadBalancer' && balancer.ports) || [
        servicePort({
          name: 'a',
          targetPort: named ? 'http' : (8080 as Port),
          nodePort: exposed ? (nodePort as Port | null) : null,
        }),
        servicePort({ name: 'b', protocol: 'UDP', port: 80 as Port }),
      ],
    });
  });

const slice = fc
  .record({
    namespace,
    name: fc.constantFrom('s1-ipv4-0', 's1-ipv4-1', 'by-hand'),
    service: fc.constantFrom('s1', 's2'),
    manager: fc.constantFrom(undefined, 'endpointslice-controller.k8s.io', 'control-plane.weir.dev'),
  })
  .map(({ service: owner, manager, ...rest }) =>
    sliceObject({
      ...rest,
      service: objectName(rest.namespace, owner),
      labels: manager === undefined ? {} : { 'endpointslice.kubernetes.io/managed-by': manager },
      endpoints: [sliceEndpoint({ address: '192.0.2.42' })],
    }),
  );

const endpoints = fc
  .record({ namespace, name: fc.constantFrom('s1', 's2'), skip: fc.boolean() })
  .map(({ skip, ...rest }) =>
    endpointsObject({
      ...rest,
      labels: skip ? { 'endpointslice.kubernetes.io/skip-mirror': 'true' } : {},
      subsets: [
        {
          addresses: [{ address: '192.0.2.1' as Address, nodeName: null, targetPod: null, hostname: null }],
          notReadyAddresses: [],
          ports: [{ name: 'a', protocol: 'TCP', port: 3306 as Port }],
        },
      ],
    }),
  );

export const anyObject: fc.Arbitrary<WeirObject> = fc.oneof(
  namespace.map((name) => namespaceObject({ name })),
  node,
  { arbitrary: pod, weight: 4 },
  { arbitrary: service, weight: 4 },
  serviceCidr,
  slice,
  endpoints,
);

/** A set of objects, each name once. */
export const anyCluster: fc.Arbitrary<readonly WeirObject[]> = fc.uniqueArray(anyObject, {
  selector: keyOf,
  maxLength: 24,
});

/** Batches of changes, deletions among them. */
export const anyWalk: fc.Arbitrary<readonly (readonly ObjectChange[])[]> = fc.array(
  fc.array(
    fc.tuple(anyObject, fc.integer({ min: 0, max: 3 })).map(([object, dice]): ObjectChange => {
      const { kind, namespace: space, name } = object;
      return dice === 0 ? { type: 'delete', kind, namespace: space, name } : { type: 'set', object };
    }),
    { maxLength: 6 },
  ),
  { maxLength: 8 },
);

export function keyOf({
  kind,
  namespace: space,
  name,
}: {
  kind: ObjectKind;
  namespace: string;
  name: string;
}): string {
  return objectKey(kind, space, name);
}

/** Objects by key after the changes. */
export function follow(
  objects: Map<string, WeirObject>,
  changes: readonly ObjectChange[],
): Map<string, WeirObject> {
  for (const change of changes) {
    if (change.type === 'set') objects.set(keyOf(change.object), change.object);
    else objects.delete(keyOf(change));
  }
  return objects;
}

/** Comparable: what is remembered has no order. */
export function unordered({ allocations, given }: ControlPlaneMemory) {
  const { nodeNumbers, podAddresses, clusterIps, nodePorts, placements, ...others } = allocations;
  const books = [nodeNumbers, podAddresses, clusterIps, nodePorts];
  return {
    allocations: {
      ...others,
      books: books.map(({ assigned, kept }) => [new Map(entriesOf(assigned)), new Map(entriesOf(kept))]),
      placements: new Map(entriesOf(placements)),
    },
    given: ordered(given),
  };
}

/** As a list ordered by key: comparable. */
export function ordered(objects: Iterable<WeirObject>): readonly WeirObject[] {
  return [...objects].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
