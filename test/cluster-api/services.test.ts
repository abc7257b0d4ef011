/** What only a lab on an API server does: the rest is that of every lab, and held by test/e2e. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labDown } from '../../src/lab/lab.ts';
import { isRunning, processesWithArgument } from '../../src/lab/processes.ts';
import { type ApiClient, openApiClient } from '../../src/lab/server/api-client.ts';
import { relaySocket } from '../../src/lab/server/relay.ts';
import { SERVER, useLab } from '../e2e/lab-cluster.ts';
import { client, type Manifest, node, pod, service } from '../e2e/manifests.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const FOREIGN = { metadata: { name: 'foreign' }, spec: { clusterIP: '10.96.0.77', ports: [{ port: 80 }] } };

let server: ApiClient;
beforeAll(async () => {
  if (SERVER === null) throw new Error('name a kubeconfig by KUBECONFIG');
  server = await openApiClient(SERVER);
  await server.send('POST', SERVICES, FOREIGN);
});
afterAll(async () => {
  await server.send('DELETE', `${SERVICES}/foreign`);
  server.close();
});

/** Names of what the server has there. */
async function namesAt(path: string): Promise<readonly string[]> {
  const { body } = await server.send('GET', path);
  const items = body.items as readonly { readonly metadata: { readonly name: string } }[];
  return items.map(({ metadata }) => metadata.name).sort();
}

describe('a lab on an API server', () => {
  const manifests = [
    node('one'),
    node('two'),
    client('asker', 'one'),
    pod('web', { node: 'two' }),
    pod('shop', { node: 'two' }),
    service('web'),
  ];
  // It is gone at the end, and its flows with it.
  const lab = useLab(manifests, { expectTranslation: false });
  const answer = async (to: string) =>
    (await lab.probe({ from: 'default/asker', to, port: 80, family: 4 }))[0]?.answeredBy;

  it('has the objects there, completed, and a real client sees them', async () => {
    const { body } = await server.send('GET', `${SERVICES}/web`);
    expect(body.spec).toMatchObject({
      clusterIPs: [/^10\.96\./, /^fd96:/].map((start) => expect.stringMatching(start)),
    });
    expect(await namesAt(SLICES)).toEqual(['web-ipv4-0', 'web-ipv6-0']);
    expect(await answer('svc:default/web')).toBe('default/web');
  });

  it('follows what others change there', async () => {
    const path = `${SERVICES}/web`;
    expect(await answer('svc:default/web')).toBe('default/web');
    const frontends = async () => JSON.stringify((await lab.rows('one')).services);
    const patch = { spec: { externalIPs: ['198.51.100.9'] } };
    await server.send('PATCH', path, patch);
    while (!(await frontends()).includes('198.51.100.9')) await sleep(10);
    expect(await answer('198.51.100.9')).toBe('default/web');
  });

  it('leaves an object alone that is not its own, and says so', async () => {
    const { problems } = await lab.apply(service('foreign', { selector: { app: 'web' } }));
    expect(problems).toMatchObject([
      { reason: 'NotOfThisLab', object: { kind: 'Service', name: 'foreign' } },
    ]);
    const { body } = await server.send('GET', `${SERVICES}/foreign`);
    expect(body.spec).toMatchObject({ clusterIP: FOREIGN.spec.clusterIP });
    await lab.remove(service('foreign'));
    expect(await namesAt(SERVICES)).toContain('foreign');
  });

  it('writes only what has changed', async () => {
    const versionOf = async () =>
      ((await server.send('GET', '/api/v1/nodes/one')).body.metadata as { resourceVersion: string })
        .resourceVersion;
    const before = await versionOf();
    await lab.apply(service('shop'));
    expect(await answer('svc:default/shop')).toBe('default/shop');
    expect(await versionOf()).toBe(before);
  });

  it('starts the relay again that was killed, and agents find the server', async () => {
    const [relay = 0] = processesWithArgument(relaySocket(lab.name));
    process.kill(relay, 'SIGKILL');
    while (isRunning(relay)) await sleep(5);
    const moved: Manifest = service('shop', { selector: { app: 'web' } });
    await lab.apply(moved);
    expect(await answer('svc:default/shop')).toBe('default/web');
  });

  it('brings the server to the agent of a node that comes, and forgets the node that goes', async () => {
    const come = [node('three'), pod('far', { node: 'three' })];
    await lab.apply(...come);
    const [line] = await lab.probe({ from: 'default/far', to: 'svc:default/web', port: 80, family: 4 });
    expect(line?.answeredBy).toBe('default/web');
    await lab.remove(...come);
    expect(await namesAt('/api/v1/nodes')).toEqual(['one', 'two']);
    await lab.apply(...come);
    expect((await lab.status('three')).source).toMatchObject({ synced: true });
    await lab.remove(...come);
  });

  it('[A71] takes its objects away when it goes, and nobody else’s', async () => {
    await labDown({ name: lab.name });
    expect(processesWithArgument(relaySocket(lab.name))).toEqual([]);
    expect(await namesAt('/api/v1/nodes')).toEqual([]);
    expect(await namesAt('/api/v1/pods')).toEqual([]);
    expect(await namesAt(SLICES)).toEqual([]);
    expect(await namesAt(SERVICES)).toEqual(['foreign']);
  });
});
