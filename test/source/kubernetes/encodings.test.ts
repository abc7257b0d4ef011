import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PodObject, ServiceObject } from '../../../src/model/objects.ts';
import { type FakeObject, fakeService } from './fake-server.ts';
import { beginFollowing, type Following } from './following.ts';
import { encodeStatus } from './protobuf-encoding.ts';

const POD: FakeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'shop' },
  spec: {
    nodeName: 'here',
    hostname: 'web',
    containers: [
      { ports: [{ name: 'http', containerPort: 80, hostPort: 8080, protocol: 'TCP', hostIP: '192.0.2.7' }] },
    ],
  },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'False' }],
    podIP: '10.244.1.2',
    podIPs: [{ ip: '10.244.1.2' }, { ip: 'fd44::2' }],
  },
};

const SERVICE: FakeObject = {
  ...fakeService('web'),
  spec: {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [
      { name: 'http', port: 80, targetPort: 'http', nodePort: 30080, protocol: 'TCP' },
      { name: 'dns', port: 53, targetPort: 5353, nodePort: 30053, protocol: 'UDP' },
    ],
    allocateLoadBalancerNodePorts: false,
    publishNotReadyAddresses: true,
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 30999,
  },
  status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'Proxy' }] } },
};

/** Of what is few, and so not asked for in protocol buffers. */
const NODE: FakeObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'here' },
  status: { addresses: [{ type: 'InternalIP', address: '172.31.0.1' }] },
};

let following: Following;
beforeEach(async () => {
  following = await beginFollowing();
  for (const object of [POD, SERVICE, NODE]) following.server.set(object);
});
afterEach(() => following.end());

/** Everything a source delivers of the server's objects in this encoding. */
async function delivered(protobuf: boolean, streaming: boolean): Promise<unknown> {
  const { server } = following;
  server.protobuf = protobuf;
  server.streaming = streaming;
  const batches: unknown[] = [];
  const source = following.create();
  await source.start((batch) => batches.push(batch));
  await source.stop();
  return batches;
}

describe.each([
  ['as streams', true],
  ['in pages', false],
])('protocol buffers, lists %s', (_, streaming) => {
  it('are delivered as the same objects as JSON', async () => {
    const json = await delivered(false, streaming);
    expect(JSON.stringify(json)).toContain('192.0.2.7');
    expect(await delivered(true, streaming)).toEqual(json);
  });

  it('tell changes, deletions, and that a version is too old', async () => {
    const { server, recorder, until } = following;
    server.protobuf = true;
    server.streaming = streaming;
    await following.create().start(recorder.listen);
    await until(() => server.watches('Service') === 1 && server.watches('Pod') === 1);
    server.set(fakeService('web', 81));
    server.set({ ...POD, status: { phase: 'Succeeded' } });
    const port = () =>
      (recorder.objects.get('Service/shop/web') as ServiceObject | undefined)?.ports[0]?.port;
    const phase = () => (recorder.objects.get('Pod/shop/web-1') as PodObject | undefined)?.phase;
    await until(() => port() === 81 && phase() === 'Succeeded');
    server.remove('Pod', 'web-1');
    await until(() => phase() === undefined);
    server.removeSilently('Service', 'web');
    const object = { code: 410, message: 'too old resource version' };
    server.send('Service', `${JSON.stringify({ type: 'ERROR', object })}\n`);
    await until(() => port() === undefined);
  });
});

it('a failure in protocol buffers is told in its words', async () => {
  const { server, until } = following;
  server.fault = (url, response) => {
    if (!url.pathname.endsWith('/pods')) return false;
    response.writeHead(403, { 'Content-Type': 'application/vnd.kubernetes.protobuf' });
    response.end(encodeStatus({ code: 403, message: 'pods is forbidden' }));
    return true;
  };
  const source = following.create();
  source.start(() => undefined).catch(() => undefined);
  await until(() => /pods.*403: pods is forbidden/.test(source.state().reason ?? ''));
});
