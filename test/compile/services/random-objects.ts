/** Random objects from so few names, addresses and ports that they clash all the time. */
import fc from 'fast-check';
import { type NodeName, objectName, type Port } from '../../../src/model/names.ts';
import type { WeirObject } from '../../../src/model/objects.ts';
import {
  cidr,
  containerPort,
  endpoint,
  HERE,
  ip,
  node,
  pod,
  service,
  servicePort,
  slice,
  vip,
  zoneLabel,
} from './sample-objects.ts';

const NODES = [HERE, 'elsewhere', 'third'] as NodeName[];
const CLUSTER_V4 = ['10.96.0.1', '10.96.0.2', '10.96.0.3'];
const CLUSTER_V6 = ['fd96::1', 'fd96::2'];
const POD_V4 = ['10.244.0.1', '10.244.0.2', '10.244.1.1', '10.50.0.1'];
const POD_V6 = ['fd44::1', 'fd44:1::1'];
const NODE_V4 = ['172.31.0.1', '172.31.0.2', '172.31.0.3'];
const EXTERNAL = ['192.0.2.1', '2001:db8::1'];
const ANY_V4 = [...POD_V4, '10.96.0.1', '127.0.0.1', '172.31.0.1'];
const CLAIMED = [...EXTERNAL, '10.96.0.2', '10.244.0.1', '172.31.0.2', 'fd44::1'];

const time = fc.constantFrom(null, 1, 2, 3);
const policy = fc.constantFrom('Cluster' as const, 'Local' as const);
const port = (...numbers: readonly number[]) => fc.constantFrom(...(numbers as Port[]));

const nodes = fc
  .record({
    name: fc.constantFrom(...NODES),
    labels: fc.constantFrom({}, zoneLabel('a'), zoneLabel('b')),
    addresses: fc.subarray([...NODE_V4, '2001:db8::1']),
    podCidrs: fc.subarray(['10.244.0.0/24', '10.244.1.0/24', 'fd44::/64']),
  })
  .map(({ name, labels, addresses, podCidrs }) =>
    node(name, {
      labels,
      addresses: addresses.map((text) => ({ type: 'InternalIP', address: ip(text) })),
      podCidrs: podCidrs.map(cidr),
    }),
  );

const pods = fc
  .record({
    name: fc.constantFrom('p1', 'p2', 'p3'),
    createdAtMs: time,
    nodeName: fc.constantFrom(HERE, HERE, HERE, null, ...NODES),
    hostNetwork: fc.constantFrom(false, false, false, true),
    annotations: fc.constantFrom(
      {},
      {},
      { 'weir.dev/weight': '0' },
      { 'weir.dev/weight': '5' },
      { 'weir.dev/weight': 'x' },
    ),
    phase: fc.constantFrom('Running' as const, 'Running' as const, 'Succeeded' as const),
    addresses: fc.tuple(fc.subarray(POD_V4, { maxLength: 1 }), fc.subarray(POD_V6, { maxLength: 1 })),
    ports: fc.array(
      fc.record({
        port: port(8080),
        hostPort: port(80, 30000, 30000),
        hostIp: fc.constantFrom(null, null, ip('172.31.0.1'), ip('10.96.0.1'), ip('192.0.2.1'), ip('::')),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ name, addresses, ports, ...rest }) =>
    pod(name, addresses.flat(), {
      ...rest,
      ports: ports.map((one) => containerPort(one.port, one.hostPort, { hostIp: one.hostIp })),
    }),
  );

const services = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3', 's4'),
    createdAtMs: time,
    type: fc.constantFrom(
      'ClusterIP' as const,
      'NodePort' as const,
      'LoadBalancer' as const,
      'ExternalName' as const,
    ),
    clusterIps: fc.tuple(
      fc.subarray(CLUSTER_V4, { maxLength: 1 }),
      fc.subarray(CLUSTER_V6, { maxLength: 1 }),
    ),
    ports: fc.uniqueArray(
      fc.record({ name: fc.constantFrom('', 'http'), port: port(80, 81), nodePort: port(30000, 30001) }),
      { maxLength: 2, selector: ({ name }) => name },
    ),
    externalIps: fc.subarray(CLAIMED, { maxLength: 2 }),
    loadBalancerIngress: fc.subarray(CLAIMED, { maxLength: 2 }),
    internalTrafficPolicy: policy,
    externalTrafficPolicy: policy,
    healthCheckNodePort: fc.constantFrom(null, 32000 as Port),
    labels: fc.constantFrom({}, {}, { 'service.kubernetes.io/service-proxy-name': 'other' }),
    annotations: fc.constantFrom(
      {},
      {},
      { 'weir.dev/expose': 'all on topology.kubernetes.io/zone=a' },
      { 'weir.dev/expose': 'nothing' },
      { 'weir.dev/scheduler': 'rr' },
    ),
  })
  .map(({ name, clusterIps, ports, externalIps, loadBalancerIngress, ...rest }) =>
    service(name, clusterIps.flat(), {
      ...rest,
      ports: ports.map((one) => servicePort(one.port, { name: one.name, nodePort: one.nodePort })),
      externalIps: externalIps.map(ip),
      loadBalancerIngress: loadBalancerIngress.map(vip),
    }),
  );

const endpoints = (addresses: readonly string[]) =>
  fc.array(
    fc
      .record({
        address: fc.constantFrom(...addresses),
        ready: fc.boolean(),
        serving: fc.boolean(),
        terminating: fc.boolean(),
        nodeName: fc.constantFrom(null, ...NODES),
        hintZones: fc.subarray(['a', 'b']),
        hintNodes: fc.subarray(NODES, { maxLength: 1 }),
        targetPod: fc.constantFrom(null, ...['p1', 'p2', 'p3'].map((name) => objectName('shop', name))),
      })
      .map(({ address, ...rest }) => endpoint(address, rest)),
    { maxLength: 4 },
  );

const slices = fc
  .record({
    name: fc.constantFrom('e1', 'e2', 'e3', 'e4', 'e5', 'e6'),
    createdAtMs: time,
    service: fc.constantFrom('s1', 's2', 's3', 's4'),
    endpoints: fc.oneof(endpoints(ANY_V4), endpoints([...POD_V6, 'fd96::1'])),
    portName: fc.constantFrom('', '', 'http', 'metrics'),
    number: port(8080, 9090),
    annotations: fc.constantFrom({}, {}, { 'weir.dev/weight': '0' }, { 'weir.dev/weight': '3' }),
  })
  .map(({ name, createdAtMs, service: owner, endpoints: list, portName, number, annotations }) =>
    slice(owner, list, {
      name,
      createdAtMs,
      annotations,
      ports: [{ name: portName, protocol: 'TCP', port: number }],
    }),
  );

/** Any object. */
export const anyObject: fc.Arbitrary<WeirObject> = fc.oneof(
  { weight: 1, arbitrary: nodes },
  { weight: 2, arbitrary: pods },
  { weight: 3, arbitrary: services },
  { weight: 4, arbitrary: slices },
);
