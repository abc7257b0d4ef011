/** Random manifests that an API server takes: fields there, absent, null or empty, as people and tools write them. */
import fc from 'fast-check';

export type Manifest = Readonly<Record<string, unknown>>;

const orAbsent = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const labels = fc.constantFrom({ app: 'web' }, { app: 'db', tier: 'back' });
const namespace = fc.constantFrom('shop', 'default', undefined);
const time = orAbsent(fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'));

/** As JSON carries it: absent fields are not there. */
function plain<Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Manifest> {
  return arbitrary.map((value) => JSON.parse(JSON.stringify(value)) as Manifest);
}

const node = plain(
  fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('Node'),
    metadata: fc.record({
      name: fc.constantFrom('n1', 'n2', 'n3'),
      labels: orAbsent(fc.constantFrom('a', 'b').map((zone) => ({ 'topology.kubernetes.io/zone': zone }))),
    }),
    status: orAbsent(
      fc.record({
        capacity: orAbsent(fc.constant({ cpu: '4' })),
        addresses: orAbsent(
          fc.constantFrom(
            [{ type: 'Hostname', address: 'n' }],
            [{ type: 'InternalIP', address: '172.31.0.9' }],
          ),
        ),
      }),
    ),
  }),
);

const containerPort = fc.record({
  name: orAbsent(fc.constantFrom('http', null)),
  containerPort: fc.constantFrom(8080, 9090),
  protocol: orAbsent(fc.constantFrom('UDP', '')),
});

const pod = plain(
  fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('Pod'),
    metadata: fc.record({
      name: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
      namespace,
      labels,
      uid: orAbsent(fc.uuid()),
      deletionTimestamp: orAbsent(fc.constant('2026-01-03T00:00:00Z')),
    }),
    spec: fc.record({
      nodeName: orAbsent(fc.constantFrom('n1', '')),
      hostname: orAbsent(fc.constant('h')),
      subdomain: orAbsent(fc.constant('s1')),
      hostNetwork: orAbsent(fc.boolean()),
      dnsPolicy: orAbsent(fc.constantFrom(null, 'Default')),
      containers: containerPort.map((port) => [
        { name: 'main', image: 'example/web:1', ports: [port], env: null },
      ]),
    }),
    status: orAbsent(
      fc.record({
        phase: orAbsent(fc.constantFrom('Running', 'Failed')),
        conditions: orAbsent(
          fc.boolean().map((ready) => [
            {
              type: 'Ready',
              status: ready ? 'True' : 'False',
              lastTransitionTime: '2026-01-01T00:00:09Z',
            },
          ]),
        ),
      }),
    ),
  }),
);

const TYPES: fc.Arbitrary<Manifest> = fc.oneof(
  fc.constantFrom<Manifest>(
    {},
    { type: '' },
    { clusterIP: 'None' },
    { externalIPs: ['198.51.100.7'], externalTrafficPolicy: 'Local' },
    { type: 'NodePort', externalTrafficPolicy: '' },
    { type: 'NodePort', trafficDistribution: 'PreferSameNode' },
    { type: 'LoadBalancer', loadBalancerIP: '203.0.113.9', externalTrafficPolicy: 'Local' },
    { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, loadBalancerClass: 'example.com/lb' },
    { sessionAffinity: 'ClientIP' },
    { sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 7 } } },
  ),
);

const service = plain(
  fc
    .record({
      name: fc.constantFrom('s1', 's2', 's3'),
      namespace,
      creationTimestamp: time,
      labels: orAbsent(labels),
      selector: orAbsent(labels),
      type: TYPES,
      families: fc.constantFrom<Manifest>(
        {},
        { ipFamilyPolicy: null, clusterIP: '' },
        { ipFamilyPolicy: 'PreferDualStack' },
        { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
      ),
      port: fc.record({
        port: fc.constantFrom(80, 443),
        name: orAbsent(fc.constantFrom('web', '')),
        protocol: orAbsent(fc.constantFrom('TCP', '')),
        appProtocol: orAbsent(fc.constant('kubernetes.io/h2c')),
        targetPort: orAbsent(fc.constantFrom('http', 8080, 0, '')),
      }),
      status: orAbsent(fc.constantFrom({ loadBalancer: {} }, { loadBalancer: { ingress: null } })),
    })
    .map(({ selector, type, families, port, status, ...metadata }) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector, ports: [port], ...families, ...type },
      status,
    })),
);

const externalName = plain(
  fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('Service'),
    metadata: fc.record({ name: fc.constantFrom('s1', 'elsewhere'), namespace }),
    spec: fc.constant({ type: 'ExternalName', externalName: 'db.example.com' }),
  }),
);

const slice = plain(
  fc.record({
    apiVersion: fc.constant('discovery.k8s.io/v1'),
    kind: fc.constant('EndpointSlice'),
    metadata: fc.record({
      name: fc.constantFrom('s1-ipv4-0', 'by-hand'),
      namespace,
      labels: orAbsent(fc.constant({ 'kubernetes.io/service-name': 's1' })),
    }),
    addressType: fc.constant('IPv4'),
    ports: orAbsent(fc.constantFrom(null, [{ port: 80, name: null }])),
    endpoints: orAbsent(fc.constant([{ addresses: ['192.0.2.42'], conditions: {} }])),
  }),
);

const endpoints = plain(
  fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constant('Endpoints'),
    metadata: fc.record({
      name: fc.constantFrom('s1', 's2'),
      namespace,
      annotations: orAbsent(fc.constant({ note: 'x' })),
    }),
    subsets: orAbsent(fc.constant([{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 3306 }] }])),
  }),
);

/** Manifests of every kind that the control plane completes, each name once. */
export const anyManifests: fc.Arbitrary<readonly Manifest[]> = fc.uniqueArray(
  fc.oneof(
    node,
    { arbitrary: pod, weight: 4 },
    { arbitrary: service, weight: 4 },
    externalName,
    slice,
    endpoints,
  ),
  {
    selector: ({ kind, metadata }) => {
      const { name, namespace: space } = metadata as { readonly name: string; readonly namespace?: string };
      return `${kind} ${space ?? 'default'}/${name}`;
    },
    maxLength: 20,
  },
);
