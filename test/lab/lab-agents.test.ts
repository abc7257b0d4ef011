import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labApply, labDelete, labDown, labProbe, labStatus, labUp } from '../../src/lab/lab.ts';
import { isRunning } from '../../src/lab/processes.ts';
import { nodeManifest, podManifest } from './manifests.ts';
import { folder, leftovers, NAME, probe, request, verdicts, verdictsOf } from './running-lab.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

function labelled(name: string, node: string) {
  const pod = podManifest(name, { node });
  return { ...pod, metadata: { name, namespace: 'shop', labels: { app: 'web' } } };
}

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    type: 'NodePort',
    ipFamilyPolicy: 'PreferDualStack',
    selector: { app: 'web' },
    ports: [
      { name: 'http', port: 8080, targetPort: 80, nodePort: 30080 },
      { name: 'dns', port: 5353, targetPort: 53, protocol: 'UDP', nodePort: 30053 },
      { name: 'sctp', port: 9099, targetPort: 99, protocol: 'SCTP', nodePort: 30099 },
    ],
  },
};

const CLUSTER = [
  nodeManifest('north'),
  nodeManifest('south'),
  labelled('one', 'north'),
  podManifest('client', { node: 'south' }),
  SERVICE,
];

afterAll(() => folder.remove());

describe('a lab with agents', () => {
  beforeAll(async () => {
    await labUp({ name: NAME, manifests: [folder.write('cluster', CLUSTER)] });
  });
  afterAll(() => labDown({ name: NAME }));

  it.each(PROTOCOLS)(
    '[A1, A3, A4] serves cluster IPs and node ports over %s as soon as it is up',
    async (protocol) => {
      const port = { tcp: 8080, udp: 5353, sctp: 9099 }[protocol];
      const nodePort = { tcp: 30080, udp: 30053, sctp: 30099 }[protocol];
      const lines = await labProbe({
        name: NAME,
        requests: [
          request({ from: 'shop/client', to: 'svc:shop/web', port, protocol }),
          request({ from: 'node/south', to: 'svc:shop/web', port, protocol }),
          request({ from: 'external', to: `nodeport:south:${nodePort}`, protocol }),
        ],
      });
      expect(lines).toHaveLength(6);
      for (const line of lines) expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'shop/one' });
    },
  );

  it('returns from apply and delete when the change is in the kernel', async () => {
    await labDelete({ name: NAME, paths: [folder.write('gone', [labelled('one', 'north')])] });
    const service = { from: 'shop/client', to: 'svc:shop/web', port: 8080 };
    expect(await verdicts(service)).toEqual(['refused', 'refused']);
    await labApply({ name: NAME, paths: [folder.write('new', [labelled('two', 'south')])] });
    for (const line of await probe(service)) expect(line).toMatchObject({ answeredBy: 'shop/two' });
    await labApply({ name: NAME, paths: [folder.write('back', [labelled('one', 'north')])] });
  });

  it('lets the agents of a folder tell of an edit that the control plane refuses', async () => {
    const beside = (nodePort: number) => {
      const metadata = { name: 'beside', namespace: 'shop' };
      const spec = { type: 'NodePort', ports: [{ port: 80, nodePort }] };
      return folder.write('beside', [{ apiVersion: 'v1', kind: 'Service', metadata, spec }]);
    };
    await labApply({ name: NAME, paths: [beside(30081)] });
    await labApply({ name: NAME, paths: [beside(30080)] });
    for (const { agent } of (await labStatus({ name: NAME })).nodes)
      expect(JSON.stringify(agent?.status)).toContain('stays as it was');
    await labDelete({ name: NAME, paths: [beside(30081)] });
  });

  it('runs an agent on a node that comes, and ends it when the node goes', async () => {
    await labApply({
      name: NAME,
      paths: [folder.write('node', [nodeManifest('west'), podManifest('far', { node: 'west' })])],
    });
    expect(await verdicts({ from: 'shop/far', to: 'svc:shop/web', port: 8080 })).toEqual([
      'allowed',
      'allowed',
    ]);
    expect(await verdicts({ from: 'external', to: 'nodeport:west:30080' })).toEqual(['allowed', 'allowed']);
    const agent = (await labStatus({ name: NAME })).nodes.find(({ name }) => name === 'west')?.agent;
    expect(agent).toMatchObject({ running: true, instance: `lab-${NAME}-west` });
    await labDelete({
      name: NAME,
      paths: [folder.write('node', [nodeManifest('west'), podManifest('far')])],
    });
    expect(existsSync(`/proc/${agent?.pid}`)).toBe(false);
    expect(existsSync(`/run/weir/lab-${NAME}-west`)).toBe(false);
  });

  it('starts an agent again that was killed', async () => {
    const pidOf = async () => (await labStatus({ name: NAME })).nodes[0]?.agent?.pid ?? 0;
    const killed = await pidOf();
    process.kill(killed, 'SIGKILL');
    while (isRunning(killed)) await sleep(5);
    await labApply({ name: NAME, paths: [folder.write('again', [SERVICE])] });
    expect(await pidOf()).not.toBe(killed);
    const lines = await labProbe({
      name: NAME,
      requests: [request({ from: 'shop/one', to: 'svc:shop/web', port: 8080 })],
    });
    expect(verdictsOf(lines)).toEqual(['allowed', 'allowed']);
  });

  it('[A71] leaves nothing of its agents when it goes', async () => {
    await labDown({ name: NAME });
    expect(leftovers()).toEqual([]);
    const instances = existsSync('/run/weir') ? readdirSync('/run/weir') : [];
    expect(instances.filter((name) => name.includes(NAME))).toEqual([]);
  });
});
