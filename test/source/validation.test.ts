/** What the API server refuses, value by value: each row one change to a valid object, and the finding it makes. */
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { problemsOf } from './parsing.ts';

type Fields = Readonly<Record<string, unknown>>;
/** A change to the valid object, and the errors as `reason field`; none: it is valid, too. */
type Row = readonly [change: Fields, ...errors: readonly string[]];

function errorsOf(manifest: Fields): readonly string[] {
  return problemsOf(stringify(manifest))
    .filter(({ severity }) => severity === 'error')
    .map(({ reason, field }) => `${reason} ${field}`);
}

/** One test per row, named by the change. */
function holds(rows: readonly Row[], manifest: (change: Fields) => Fields): void {
  it.each(rows.map(([change, ...errors]) => [JSON.stringify(change).slice(0, 160), change, errors] as const))(
    '%s',
    (_, change, errors) => {
      expect(errorsOf(manifest(change))).toEqual(errors);
    },
  );
}

const PORT = { port: 80 };
const LONG = 'a'.repeat(64);
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const MODE = 'service.kubernetes.io/topology-mode';
const OLD_MODE = 'service.kubernetes.io/topology-aware-hints';

const serviceOf = (spec: Fields): Fields => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', ...(spec.metadata as Fields) },
  spec: { ports: [PORT], ...spec, metadata: undefined },
});

describe('spec.ports of a Service', () => {
  holds(
    [
      [{ ports: [] }, 'MissingValue spec.ports'],
      [{ ports: [], clusterIP: 'None' }],
      [{ ports: [{ port: 0 }] }, 'InvalidPort spec.ports[0].port'],
      [{ ports: [{ port: 65536 }] }, 'InvalidPort spec.ports[0].port'],
      [{ ports: [{}] }, 'MissingValue spec.ports[0].port'],
      [{ ports: [{ ...PORT, protocol: 'ICMP' }] }, 'UnsupportedValue spec.ports[0].protocol'],
      [{ ports: [{ ...PORT, protocol: 'SCTP' }] }],
      [{ ports: [{ ...PORT, name: 'Http' }] }, 'InvalidName spec.ports[0].name'],
      [{ ports: [{ ...PORT, name: LONG }] }, 'InvalidName spec.ports[0].name'],
      [{ ports: [PORT, { port: 81, name: 'b' }] }, 'MissingName spec.ports[0].name'],
      [
        {
          ports: [
            { ...PORT, name: 'a' },
            { port: 81, name: 'a' },
          ],
        },
        'DuplicatePortName spec.ports[1].name',
      ],
      [
        {
          ports: [
            { ...PORT, name: 'a' },
            { ...PORT, name: 'b' },
          ],
        },
        'DuplicatePort spec.ports[1].port',
      ],
      [
        {
          ports: [
            { ...PORT, name: 'a' },
            { ...PORT, name: 'b', protocol: 'UDP' },
          ],
        },
      ],
      [{ ports: [{ ...PORT, targetPort: 65536 }] }, 'InvalidPort spec.ports[0].targetPort'],
      [{ ports: [{ ...PORT, targetPort: 'sixteen-letters-' }] }, 'InvalidPort spec.ports[0].targetPort'],
      [{ ports: [{ ...PORT, targetPort: 'web--port' }] }, 'InvalidPort spec.ports[0].targetPort'],
      [{ ports: [{ ...PORT, targetPort: 'http' }] }],
      [{ ports: [{ ...PORT, appProtocol: 'kubernetes.io/h2c' }] }],
      [{ ports: [{ ...PORT, appProtocol: 'a/b/c' }] }, 'InvalidName spec.ports[0].appProtocol'],
      [{ ports: [{ ...PORT, nodePort: 30000 }] }, 'InvalidValue spec.ports[0].nodePort'],
      [{ ports: [{ ...PORT, nodePort: 30000 }], type: 'NodePort' }],
      [{ ports: [{ port: 10250 }], type: 'LoadBalancer' }, 'InvalidValue spec.ports[0].port'],
      [{ ports: [{ port: 10250 }], type: 'NodePort' }],
    ],
    serviceOf,
  );
});

describe('addresses of a Service', () => {
  const dual = { ipFamilyPolicy: 'PreferDualStack' };
  holds(
    [
      [{ clusterIP: 'none' }, 'InvalidAddress spec.clusterIP'],
      [{ clusterIP: '10.96.0.300' }, 'InvalidAddress spec.clusterIP'],
      [{ clusterIPs: ['10.96.0.1'] }, 'MissingValue spec.clusterIP'],
      [{ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.2'] }, 'InvalidValue spec.clusterIP'],
      [{ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd96::1'] }, 'InvalidValue spec.ipFamilyPolicy'],
      [{ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd96::1'], ...dual }],
      [
        { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', '10.96.0.2'], ...dual },
        'DuplicateFamily spec.clusterIPs[1]',
      ],
      [{ clusterIP: 'None', clusterIPs: ['None', 'None'] }, 'InvalidValue spec.clusterIPs[0]'],
      [{ clusterIP: 'None', type: 'NodePort' }, 'InvalidValue spec.clusterIP'],
      [{ clusterIP: 'None', type: 'LoadBalancer' }, 'InvalidValue spec.clusterIP'],
      [{ ipFamilies: ['IPv4', 'IPv6'] }, 'InvalidValue spec.ipFamilyPolicy'],
      [{ ipFamilies: ['IPv4', 'IPv6'], clusterIP: 'None' }],
      [
        { ipFamilies: ['IPv4', 'IPv6'], clusterIP: 'None', selector: { app: 'web' } },
        'InvalidValue spec.ipFamilyPolicy',
      ],
      [{ ipFamilies: ['IPv4', 'IPv6'], ...dual }],
      [{ ipFamilies: ['IPv4', 'IPv4'], ...dual }, 'DuplicateValue spec.ipFamilies[1]'],
      [{ ipFamilies: ['IPv5'] }, 'UnsupportedValue spec.ipFamilies[0]'],
      [{ ipFamilies: ['IPv6'], clusterIP: '10.96.0.1' }, 'InvalidValue spec.ipFamilies'],
      [{ ipFamilyPolicy: 'DualStack' }, 'UnsupportedValue spec.ipFamilyPolicy'],
      [{ externalIPs: ['example.com'] }, 'InvalidAddress spec.externalIPs[0]'],
      [{ loadBalancerIP: '' }],
    ],
    serviceOf,
  );
});

describe('fields that only some types of Service have', () => {
  const balancer = { type: 'LoadBalancer' };
  const name = { type: 'ExternalName', externalName: 'db.example.com', ports: undefined };
  holds(
    [
      [{ type: 'Headless' }, 'UnsupportedValue spec.type'],
      [{ loadBalancerSourceRanges: ['10.0.0.0/8'] }, 'InvalidValue spec.loadBalancerSourceRanges'],
      [{ loadBalancerSourceRanges: [] }],
      [{ ...balancer, loadBalancerSourceRanges: [' 10.0.0.0/8 '] }],
      [
        { ...balancer, loadBalancerSourceRanges: ['10.0.0.0'] },
        'InvalidCIDR spec.loadBalancerSourceRanges[0]',
      ],
      [
        { metadata: { annotations: { [SOURCE_RANGES]: '' } } },
        `InvalidValue metadata.annotations.${SOURCE_RANGES}`,
      ],
      [{ ...balancer, metadata: { annotations: { [SOURCE_RANGES]: '' } } }],
      [{ allocateLoadBalancerNodePorts: false }, 'InvalidValue spec.allocateLoadBalancerNodePorts'],
      [{ ...balancer, allocateLoadBalancerNodePorts: false }],
      [{ loadBalancerClass: 'example.com/lb' }, 'InvalidValue spec.loadBalancerClass'],
      [{ ...balancer, loadBalancerClass: 'example.com/lb' }],
      [{ ...balancer, loadBalancerClass: 'not ok' }, 'InvalidName spec.loadBalancerClass'],
      [{ externalTrafficPolicy: 'Cluster' }, 'InvalidValue spec.externalTrafficPolicy'],
      [{ externalTrafficPolicy: 'Local', externalIPs: ['198.51.100.1'] }],
      [{ externalTrafficPolicy: 'Local', type: 'NodePort' }],
      [{ ...balancer, externalTrafficPolicy: 'Node' }, 'UnsupportedValue spec.externalTrafficPolicy'],
      [{ healthCheckNodePort: 30000 }, 'InvalidValue spec.healthCheckNodePort'],
      [
        { healthCheckNodePort: 30000, type: 'NodePort', externalTrafficPolicy: 'Local' },
        'InvalidValue spec.healthCheckNodePort',
      ],
      [{ ...balancer, healthCheckNodePort: 30000, externalTrafficPolicy: 'Local' }],
      [{ ...balancer, healthCheckNodePort: 0 }],
      [{ internalTrafficPolicy: 'Node' }, 'UnsupportedValue spec.internalTrafficPolicy'],
      [{ trafficDistribution: 'Close' }, 'UnsupportedValue spec.trafficDistribution'],
      [{ ...name }],
      [{ ...name, externalName: '' }, 'MissingValue spec.externalName'],
      [{ ...name, externalName: 'a_b.example.com' }, 'InvalidName spec.externalName'],
      [{ ...name, clusterIP: '10.96.0.1' }, 'InvalidValue spec.clusterIP'],
      [{ ...name, clusterIP: 'None' }, 'InvalidValue spec.clusterIP'],
      [{ ...name, ipFamilies: ['IPv4'] }, 'InvalidValue spec.ipFamilies'],
      [{ ...name, ipFamilyPolicy: 'SingleStack' }, 'InvalidValue spec.ipFamilyPolicy'],
      [{ ...name, externalTrafficPolicy: 'Cluster' }, 'InvalidValue spec.externalTrafficPolicy'],
    ],
    serviceOf,
  );
});

describe('other fields of a Service', () => {
  const timeout = (seconds: unknown) => ({
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } },
  });
  const seconds = 'InvalidValue spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  holds(
    [
      [timeout(86400)],
      [timeout(86401), seconds],
      [timeout(0), seconds],
      [{ ...timeout(0), sessionAffinity: 'None' }],
      [{ sessionAffinity: 'Cookie' }, 'UnsupportedValue spec.sessionAffinity'],
      [{ selector: { app: 'a b' } }, 'InvalidLabel spec.selector.app'],
      [{ selector: { 'a b': 'x' } }, 'InvalidLabel spec.selector.a b'],
      [{ selector: { 'example.com/app': '' } }],
      [{ metadata: { labels: { 'Example.com/app': 'x' } } }, 'InvalidLabel metadata.labels.Example.com/app'],
      [{ metadata: { annotations: { 'Example.com/note': 'any text' } } }],
      [{ metadata: { annotations: { '/note': 'x' } } }, 'InvalidLabel metadata.annotations./note'],
      [{ metadata: { annotations: { note: 'x'.repeat(1 << 18) } } }, 'TooLong metadata.annotations'],
      [
        { metadata: { annotations: { [MODE]: 'Auto', [OLD_MODE]: 'auto' } } },
        `InvalidValue metadata.annotations.${MODE}`,
      ],
      [{ metadata: { annotations: { [MODE]: 'Auto', [OLD_MODE]: 'Auto' } } }],
      [{ metadata: { name: 'a.b' } }, 'InvalidName metadata.name'],
      [{ metadata: { namespace: 'a.b' } }, 'InvalidName metadata.namespace'],
    ],
    serviceOf,
  );
});

describe('an EndpointSlice', () => {
  const sliceOf = (change: Fields): Fields => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ...change,
  });
  const endpoint = (change: Fields) => ({ endpoints: [{ addresses: ['10.0.0.1'], ...change }] });
  const zones = (...names: readonly string[]) =>
    endpoint({ hints: { forZones: names.map((name) => ({ name })) } });
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
  holds(
    [
      [{ addressType: 'IP' }, 'UnsupportedValue addressType'],
      [{ endpoints: many(1000).map((address) => ({ addresses: [address] })) }],
      [{ endpoints: many(1001).map((address) => ({ addresses: [address] })) }, 'TooMany endpoints'],
      [endpoint({ addresses: many(100) })],
      [endpoint({ addresses: many(101) }), 'TooMany endpoints[0].addresses'],
      [endpoint({ addresses: [] }), 'MissingValue endpoints[0].addresses'],
      [endpoint({ addresses: ['fd44::1'] }), 'AddressFamilyMismatch endpoints[0].addresses[0]'],
      [endpoint({ hostname: 'Web' }), 'InvalidName endpoints[0].hostname'],
      [endpoint({ nodeName: 'a_b' }), 'InvalidName endpoints[0].nodeName'],
      [zones('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')],
      [zones('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'), 'TooMany endpoints[0].hints.forZones'],
      [zones('a', 'a'), 'DuplicateValue endpoints[0].hints.forZones[1].name'],
      [zones('a b'), 'InvalidName endpoints[0].hints.forZones[0].name'],
      [endpoint({ hints: { forNodes: [{ name: 'A' }] } }), 'InvalidName endpoints[0].hints.forNodes[0].name'],
      [{ ports: [{ port: 70000 }] }, 'InvalidPort ports[0].port'],
      [{ ports: [{ name: 'a_b', port: 1 }] }, 'InvalidName ports[0].name'],
      [{ ports: [{ port: 1 }, { port: 2 }] }, 'DuplicatePortName ports[1].name'],
      [{ ports: [{ port: 1, protocol: 'tcp' }] }, 'UnsupportedValue ports[0].protocol'],
      [{ ports: [{ port: 1, appProtocol: '' }] }, 'InvalidName ports[0].appProtocol'],
      [{ addressType: 'FQDN', ...endpoint({ addresses: ['db.example.com.'] }) }],
      [
        { addressType: 'FQDN', ...endpoint({ addresses: ['localhost'] }) },
        'InvalidName endpoints[0].addresses[0]',
      ],
      [
        { addressType: 'FQDN', ...endpoint({ addresses: ['db_1.example.com'] }) },
        'InvalidName endpoints[0].addresses[0]',
      ],
    ],
    sliceOf,
  );

  it('has at most 20,000 ports', () => {
    const ports = Array.from({ length: 20_001 }, (_, index) => ({ name: `p${index}`, port: 1 }));
    expect(errorsOf(sliceOf({ ports }))).toEqual(['TooMany ports']);
    expect(errorsOf(sliceOf({ ports: ports.slice(1) }))).toEqual([]);
  });
});

describe('Endpoints', () => {
  const address = { ip: '192.0.2.1' };
  holds(
    [
      [{ subsets: [{ addresses: [address], ports: [PORT] }] }],
      [{ subsets: [{ notReadyAddresses: [address] }] }],
      [{ subsets: [{ ports: [PORT] }] }, 'MissingValue subsets[0].addresses'],
      [{ subsets: [{ addresses: [{ ip: 'x' }] }] }, 'InvalidAddress subsets[0].addresses[0].ip'],
      [{ subsets: [{ addresses: [{}] }] }, 'MissingValue subsets[0].addresses[0].ip'],
      [
        { subsets: [{ addresses: [{ ...address, hostname: 'A' }] }] },
        'InvalidName subsets[0].addresses[0].hostname',
      ],
      [
        { subsets: [{ addresses: [address], ports: [PORT, { port: 81, name: 'b' }] }] },
        'MissingName subsets[0].ports[0].name',
      ],
      [
        { subsets: [{ addresses: [address], ports: [{ port: 81, appProtocol: 'a b' }] }] },
        'InvalidName subsets[0].ports[0].appProtocol',
      ],
    ],
    (change) => ({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web' }, ...change }),
  );
});

describe('a Pod', () => {
  const ports = (...list: readonly Fields[]) => ({ containers: list.map((port) => ({ ports: [port] })) });
  const port = { containerPort: 80 };
  holds(
    [
      [ports({ containerPort: 0 }), 'InvalidPort spec.containers[0].ports[0].containerPort'],
      [ports({ ...port, hostPort: 65536 }), 'InvalidPort spec.containers[0].ports[0].hostPort'],
      [ports({ ...port, hostIP: '10.0.0' }), 'InvalidAddress spec.containers[0].ports[0].hostIP'],
      [ports({ ...port, name: '80' }), 'InvalidPortName spec.containers[0].ports[0].name'],
      [
        ports({ ...port, hostPort: 80 }, { ...port, hostPort: 80 }),
        'DuplicatePort spec.containers[1].ports[0].hostPort',
      ],
      [ports({ ...port, hostPort: 80 }, { ...port, hostPort: 80, protocol: 'UDP' })],
      [ports({ ...port, hostPort: 80 }, { ...port, hostPort: 80, hostIP: '10.0.0.1' })],
      [ports(port, port)],
      [{ ...ports(port, port), hostNetwork: true }, 'DuplicatePort spec.containers[1].ports[0].hostPort'],
      [
        { ...ports({ ...port, hostPort: 81 }), hostNetwork: true },
        'InvalidHostPort spec.containers[0].ports[0].hostPort',
      ],
      [{ hostname: 'a.b' }, 'InvalidName spec.hostname'],
      [{ subdomain: 'a.b' }, 'InvalidName spec.subdomain'],
      [{ nodeName: 'A' }, 'InvalidName spec.nodeName'],
    ],
    (spec) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }),
  );
});

describe('a Node and a Namespace', () => {
  holds(
    [
      [{ podCIDRs: ['10.244.0.0/24', 'fd44::/64'] }],
      [{ podCIDRs: ['10.244.0.0/24', '10.244.1.0/24'] }, 'DuplicateFamily spec.podCIDRs[1]'],
      [{ podCIDRs: ['10.244.0.1/24'] }, 'InvalidCIDR spec.podCIDRs[0]'],
      [{ unschedulable: 'yes' }, 'InvalidType spec.unschedulable'],
    ],
    (spec) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec }),
  );
  holds(
    [[{ name: 'a' }], [{ name: 'a.b' }, 'InvalidName metadata.name'], [{}, 'MissingName metadata.name']],
    (metadata) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata,
    }),
  );
});
