import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodingOf } from '../../src/source/kubernetes/decoding.ts';
import { WATCHED_KINDS, type WatchedKind } from '../../src/source/kubernetes/kinds.ts';
import { SHAPES } from '../../src/source/kubernetes/shapes.ts';
import type { RawObject } from '../../src/source/kubernetes/watch-events.ts';
import { parseObject } from '../../src/source/parse-object.ts';
import type { Manifest } from '../e2e/manifests.ts';
import { type ApiServer, createApiServer, PORT } from './api-server.ts';

const NAME = `weir-encodings-${process.pid}`;
const METADATA = { namespace: 'shop', labels: { app: 'web', tier: '' }, annotations: { note: 'grün 🚀' } };
const container = (fields: object) => ({ name: 'a', image: 'example', ...fields });

/** Every field that is read, with values that are no defaults. */
const OBJECTS: readonly Manifest[] = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...METADATA, name: 'web-1' },
    spec: {
      nodeName: 'one',
      hostname: 'web',
      subdomain: 'all',
      initContainers: [container({ restartPolicy: 'Always', ports: [{ containerPort: 15001 }] })],
      containers: [
        container({
          name: 'b',
          ports: [
            { name: 'dns', containerPort: 53, hostPort: 5353, hostIP: '192.0.2.7', protocol: 'UDP' },
            { name: 'assoc', containerPort: 9, protocol: 'SCTP' },
          ],
        }),
      ],
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-31T12:00:00Z' }],
      podIP: '10.244.1.2',
      podIPs: [{ ip: '10.244.1.2' }, { ip: 'fd44:1::2' }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...METADATA, name: 'host-1' },
    spec: { nodeName: 'one', hostNetwork: true, containers: [container({})] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...METADATA, name: 'web' },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'web' },
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10', 'fd96::10'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
      ports: [
        { name: 'http', port: 80, targetPort: 'http', nodePort: 30080, protocol: 'TCP', appProtocol: 'http' },
        { name: 'dns', port: 53, targetPort: 5353, nodePort: 30053, protocol: 'UDP' },
      ],
      externalIPs: ['198.51.100.7'],
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      healthCheckNodePort: 30999,
      publishNotReadyAddresses: true,
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      loadBalancerIP: '192.0.2.1',
      loadBalancerClass: 'example.com/one',
      loadBalancerSourceRanges: ['203.0.113.0/24'],
      allocateLoadBalancerNodePorts: false,
      trafficDistribution: 'PreferClose',
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'Proxy' }] } },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...METADATA, name: 'far' },
    spec: { type: 'ExternalName', externalName: 'example.com' },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...METADATA, name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080, appProtocol: 'http' },
      { name: 'all', protocol: 'UDP' },
    ],
    endpoints: [
      {
        addresses: ['10.244.1.2'],
        conditions: { ready: false, serving: true, terminating: true },
        hostname: 'web',
        nodeName: 'one',
        zone: 'a',
        hints: { forZones: [{ name: 'a' }, { name: 'b' }], forNodes: [{ name: 'one' }] },
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-1' },
      },
      { addresses: ['10.244.1.3'] },
    ],
  },
];

let server: ApiServer;

beforeAll(async () => {
  server = createApiServer(`/run/netns/${NAME}`);
  execFileSync('ip', ['netns', 'add', NAME]);
  execFileSync('ip', ['-n', NAME, 'link', 'set', 'lo', 'up']);
  await server.start();
  await server.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, ...OBJECTS);
});

afterAll(async () => {
  await server.remove();
  execFileSync('ip', ['netns', 'delete', NAME]);
});

/** The list of a kind as the server sends it to who asks for this type. */
function listed(kind: WatchedKind, type: string): readonly RawObject[] {
  const token = readFileSync(join(dirname(server.kubeconfig), 'token'), 'utf8').trim();
  const headers = [`Accept: ${type}`, `Authorization: Bearer ${token}`].flatMap((header) => ['-H', header]);
  const url = `https://127.0.0.1:${PORT}${kind.path}`;
  const body = execFileSync('nsenter', [`--net=/run/netns/${NAME}`, 'curl', '-sfk', ...headers, url]);
  const page = encodingOf(type)?.page(kind, body);
  if (page === undefined) throw new Error(`no encoding ${type}`);
  return page.objects;
}

describe('what a real API server sends', () => {
  it.each(WATCHED_KINDS.filter(({ kind }) => SHAPES[kind] !== undefined))(
    'of $resource is the same objects in both encodings',
    (kind) => {
      const [json, binary] = ['application/json', 'application/vnd.kubernetes.protobuf'].map((type) =>
        listed(kind, type).map(({ content, ...identity }) => ({
          ...identity,
          ...parseObject(content, null),
        })),
      );
      expect(json).toHaveLength(OBJECTS.filter((object) => object.kind === kind.kind).length);
      expect(json?.map(({ type }) => type)).toEqual(json?.map(() => 'object'));
      expect(binary).toEqual(json);
    },
  );
});
