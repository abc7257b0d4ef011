import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labDown, labProbe, labUp } from '../../src/lab/lab.ts';
import { nodeNamespace } from '../../src/lab/lab-names.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import type { Manifest } from '../e2e/manifests.ts';
import { type ApiServer, createApiServer, PORT } from './api-server.ts';
import { wholeNode, wholePod, wholeService, wholeSlices } from './cluster-manifests.ts';
import { createNodeAgent, type NodeAgent } from './node-agent.ts';

const LAB = `api${process.pid}`;
const NETNS = `/run/netns/${nodeNamespace(LAB, 'one')}`;
const near = wholePod('web-1', 'one', 1, 10);
const far = wholePod('web-2', 'two', 2, 10);
const shop = wholePod('shop-1', 'one', 1, 11);
const client = wholePod('client-1', 'one', 1, 12);

/** Every kind of frontend, so that equal rows mean something. */
const CLUSTER: readonly Manifest[] = [
  wholeNode('one', 1),
  wholeNode('two', 2),
  near,
  far,
  shop,
  client,
  wholeService('web', 10, {
    type: 'LoadBalancer',
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080, protocol: 'TCP' }],
    externalIPs: ['198.51.100.7'],
    loadBalancerSourceRanges: ['203.0.113.0/24'],
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  }),
  ...wholeSlices('web', [near, far]),
  wholeService('shop', 11, {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
    ports: [{ port: 80, targetPort: 8080, nodePort: 30081, protocol: 'TCP' }],
  }),
  ...wholeSlices('shop', [shop]),
  wholeService('nobody', 12),
];

let server: ApiServer;
let agent: NodeAgent;
let fromApi: readonly string[];

beforeAll(async () => {
  server = createApiServer(NETNS);
  agent = createNodeAgent(NETNS, 'one');
  const manifests = join(server.folder, 'manifests');
  mkdirSync(manifests);
  writeFileSync(
    join(manifests, 'all.json'),
    JSON.stringify({ kind: 'List', apiVersion: 'v1', items: CLUSTER }),
  );
  await labUp({ name: LAB, manifests: [manifests], agents: false });
  await server.start();
  await server.create(...CLUSTER);
  // A copy, which stays at the first port wherever the server is started.
  const kubeconfig = join(server.folder, 'kubeconfig');
  copyFileSync(server.kubeconfig, kubeconfig);
  fromApi = ['--source', 'kubernetes', '--kubeconfig', kubeconfig];
});

afterAll(async () => {
  await agent.remove();
  await server.remove();
  await labDown({ name: LAB });
});

async function until(what: string, condition: () => Promise<boolean>, seconds = 20): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > end)
      throw new Error(`waited in vain until ${what}; agent: ${agent.said().slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Who answers the client pod at this cluster IP, or the verdict. */
async function answer(address: string): Promise<string> {
  const requests = [parseProbeRequest({ from: 'default/client-1', to: address, port: 80 })];
  const [line] = await labProbe({ name: LAB, requests, count: 1 });
  if (line === undefined || 'error' in line) throw new Error(line?.error ?? 'no answer');
  return line.answeredBy ?? line.verdict;
}

const synced = async () => {
  const { source, sync } = await agent.status();
  return source.synced && sync.state === 'synced';
};

describe('an agent on an API server', () => {
  it('has the rows, byte for byte, that a folder of the same objects gives', async () => {
    agent.start('--source', join(server.folder, 'manifests'));
    await until('the folder is synced', synced);
    const expected = JSON.stringify(await agent.rows());
    expect(await agent.stop()).toBe(0);
    agent.start(...fromApi);
    await until('the API server is synced', synced);
    expect(JSON.stringify(await agent.rows())).toBe(expected);
    expect(JSON.parse(expected).services.length).toBeGreaterThanOrEqual(3);
    const { source } = await agent.status();
    expect(source).toMatchObject({ origin: `https://127.0.0.1:${PORT}`, reason: null, retries: 0 });
  });

  it('serves what is applied, changed and deleted through the API, with packets', async () => {
    expect(await answer('10.96.1.11')).toBe('default/shop-1');
    expect(await answer('fd96::1:11')).toBe('default/shop-1');
    await server.apply(wholeService('new', 20), ...wholeSlices('new', [far]));
    await until('the new Service answers', async () => (await answer('10.96.1.20')) === 'default/web-2');
    await server.apply(...wholeSlices('new', [near]));
    await until('its new endpoint answers', async () => (await answer('10.96.1.20')) === 'default/web-1');
    await server.kubectl('delete', 'endpointslice', 'new-ipv4', 'new-ipv6', '--wait=false');
    await until('it is refused', async () => (await answer('10.96.1.20')) === 'refused');
    await server.kubectl('delete', 'service', 'new', '--wait=false');
    await until('it is gone', async () => {
      const { services } = await agent.rows();
      return services.every(({ owner }) => !JSON.stringify(owner).includes('default/new'));
    });
  });

  it('keeps every row while the server is killed, and is whole again when it is back', async () => {
    const before = JSON.stringify(await agent.rows());
    await server.kill();
    await until('the outage is told', async () =>
      /no connection .*ECONNREFUSED.*; check that the server/.test(
        (await agent.status()).source.reason ?? '',
      ),
    );
    expect((await agent.status()).source.synced).toBe(false);
    expect(JSON.stringify(await agent.rows())).toBe(before);
    expect(await answer('10.96.1.11')).toBe('default/shop-1');
    await server.start();
    await until('it is whole again', synced);
    expect(JSON.stringify(await agent.rows())).toBe(before);
    await server.apply(wholeService('later', 21), ...wholeSlices('later', [shop]));
    await until('later changes come', async () => (await answer('10.96.1.21')) === 'default/shop-1');
  });

  it('removes what was deleted while it could not see the server, and adds what came', async () => {
    await server.stop();
    await server.start(PORT + 10);
    await server.kubectl('delete', 'service', 'later', '--wait=false');
    await server.kubectl('delete', 'endpointslice', 'later-ipv4', 'later-ipv6', '--wait=false');
    await server.apply(wholeService('meanwhile', 22), ...wholeSlices('meanwhile', [near]));
    expect(await answer('10.96.1.21')).toBe('default/shop-1');
    await server.stop();
    await server.start();
    await until('it is followed again', synced);
    await until('the new one answers', async () => (await answer('10.96.1.22')) === 'default/web-1');
    const owners = (await agent.rows()).services.map(({ owner }) => JSON.stringify(owner));
    expect(owners.filter((owner) => owner.includes('default/later'))).toEqual([]);
  });

  it('that is started while the server is away waits, says why, leaves the kernel as it is, and ends when told', async () => {
    await server.stop();
    expect(await agent.stop()).toBe(0);
    agent.start(...fromApi);
    await until('it says why', async () => /ECONNREFUSED/.test((await agent.status()).source.reason ?? ''));
    expect((await agent.status()).sync.state).toBe('waiting');
    await expect(agent.sync()).rejects.toThrow(/no connection .*ECONNREFUSED/);
    expect(await answer('10.96.1.11')).toBe('default/shop-1');
    expect(await agent.stop()).toBe(0);
    expect(await answer('10.96.1.11')).toBe('default/shop-1');
  });

  it('without a usable kubeconfig says so, and goes on when it is repaired', async () => {
    const context = ['--context', 'nowhere'];
    agent.start(...fromApi, ...context);
    await until('it says why', async () =>
      /no context "nowhere" \(it has test\); name one of them with --context/.test(
        (await agent.status()).source.reason ?? '',
      ),
    );
    expect(await agent.stop()).toBe(0);
    const missing = join(server.folder, 'missing');
    agent.start('--source', 'kubernetes', '--kubeconfig', missing);
    await until('it says what is missing', async () =>
      /missing: can't be used .*ENOENT/.test((await agent.status()).source.reason ?? ''),
    );
    await server.start();
    writeFileSync(missing, await server.kubectl('config', 'view', '--raw'));
    await until('it is synced', synced);
  });
});
