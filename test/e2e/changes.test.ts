/** What open flows go through when endpoints, Services and the agent itself come and go. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { isRunning } from '../../src/lab/processes.ts';
import { boundToParent } from '../bound-command.ts';
import { holdFlows } from './flows.ts';
import { BACKENDS, type Question, tally, useLab } from './lab-cluster.ts';
import { client, node, pod, service } from './manifests.ts';

const BOTH = [{ containerPort: 8080 }, { containerPort: 8080, protocol: 'UDP' as const }];
const PORTS = {
  ports: [
    { name: 'tcp', port: 80, targetPort: 8080 },
    { name: 'udp', port: 80, targetPort: 8080, protocol: 'UDP' },
  ],
};

describe.each(BACKENDS)('changes on %s', (servicesBackend) => {
  const server = (name: string, onNode: string, app: string, ready = true) =>
    pod(name, { node: onNode, labels: { app }, ports: BOTH, ready });
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      ...['web', 'drain', 'gone'].flatMap((app) => [
        server(`${app}-1`, 'one', app),
        server(`${app}-2`, 'two', app),
        service(app, PORTS),
      ]),
      service('pinned', { ...PORTS, selector: { app: 'web' }, sessionAffinity: 'ClientIP' }),
      service('later', PORTS),
    ],
    { servicesBackend },
  );
  const addressOf = async (name: string, family: 4 | 6) => {
    const [line] = await lab.probe({ from: 'default/asker', to: `svc:default/${name}`, port: 'tcp', family });
    return line?.address ?? '';
  };
  const answers = async (question: Question, count = 30) =>
    [...tally(await lab.repeat(count, { family: 4, ...question })).keys()].sort();

  /** Ends the agent of node one with SIGKILL; the lab starts it again when the node is asked to change. */
  async function crash(whileDead: () => Promise<unknown>): Promise<void> {
    const pid = await lab.agentPid('one');
    process.kill(pid, 'SIGKILL');
    // Letting go of programs and maps takes the kernel a moment.
    await vi.waitUntil(() => !isRunning(pid), { timeout: 20_000 });
    await whileDead();
    await lab.apply(node('one'));
  }

  it.each([4, 6] as const)(
    '[A39] [H1] [F17] fail no connection and move no flow while the agent is killed and comes back (IPv%i)',
    async (family) => {
      const address = await addressOf('web', family);
      const pinned = await answers({ from: 'default/asker', to: 'svc:default/pinned', port: 'tcp', family });
      const flows = await holdFlows(lab, 'default/asker', { address, port: 80, tcp: 20, udp: 20, rate: 500 });
      await crash(() => sleep(1_000));
      await sleep(500);
      const report = await flows.end();
      expect(report).toMatchObject({ failed: 0, broken: 0, moved: 0 });
      expect(report.opened).toBeGreaterThan(500);
      expect(await answers({ from: 'default/asker', to: 'svc:default/pinned', port: 'tcp', family })).toEqual(
        pinned,
      );
    },
  );

  it('[H5] [H9] write only the difference when the agent comes back to other objects', async () => {
    const elements = () => lab.inside('node/one', 'nft', 'list', 'map', 'inet', 'weir', 'slot4');
    const before = await elements();
    const monitor = spawn(...boundToParent('nsenter', [`--net=${lab.netns('node/one')}`, 'nft', 'monitor']), {
      stdio: 'pipe',
    });
    const events: string[] = [];
    monitor.stdout.on('data', (data: Buffer) => events.push(data.toString()));
    await sleep(300);
    await crash(() => lab.inside('node/one', 'true'));
    await sleep(300);
    monitor.kill();
    expect(await elements()).toBe(before);
    expect(events.join('')).toBe('');
  });

  it('[A48] [H12] keep open connections of a terminating endpoint and give it no new ones', async () => {
    const address = await addressOf('drain', 4);
    const flows = await holdFlows(lab, 'default/asker', { address, port: 80, tcp: 20 });
    await lab.apply(
      pod('drain-1', {
        node: 'one',
        labels: { app: 'drain' },
        ports: BOTH,
        ready: false,
        metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      }),
    );
    expect(await answers({ from: 'default/asker', to: 'svc:default/drain', port: 'tcp' })).toEqual([
      'default/drain-2',
    ]);
    await flows.answered(100);
    const report = await flows.end();
    expect(report).toMatchObject({ broken: 0, moved: 0 });
    expect(report.backends).toEqual(['default/drain-1', 'default/drain-2']);
  });

  it.each([4, 6] as const)('[A60] send no datagram to an endpoint that went (IPv%i)', async (family) => {
    const name = `gone${family}`;
    const pods = [1, 2].map((index) => server(`${name}-${index}`, index === 1 ? 'one' : 'two', name));
    await lab.apply(...pods, service(name, PORTS));
    const address = await addressOf(name, family);
    const flows = await holdFlows(lab, 'default/asker', { address, port: 80, udp: 20 });
    await lab.apply(server(`${name}-1`, 'one', name, false));
    await flows.answered(100);
    expect((await flows.end()).backends).toEqual([`default/${name}-2`]);
    await lab.remove(...pods, service(name, PORTS));
  });

  it('[A60] refuse datagrams when the last endpoint went, and deliver them when the first comes', async () => {
    const one = server('last-1', 'two', 'last');
    const question = {
      from: 'default/asker',
      to: 'svc:default/last',
      port: 'udp',
      protocol: 'udp',
      sourcePort: 5005,
      family: 4,
    } as const;
    await lab.apply(one, service('last', PORTS));
    const verdict = async () => (await lab.probe(question))[0]?.verdict;
    expect(await verdict()).toBe('allowed');
    await lab.remove(one);
    expect(await verdict()).toBe('refused');
    await lab.apply(one);
    expect(await verdict()).toBe('allowed');
    await lab.remove(one, service('last', PORTS));
  });

  it.each(['tcp', 'udp'] as const)(
    '[A61] deliver %s of a client that began before the Service existed',
    async (protocol) => {
      const spec = { ...PORTS, type: 'NodePort', selector: { app: 'web' }, externalIPs: ['198.51.100.61'] };
      const question = {
        from: 'external',
        to: '198.51.100.61',
        port: 80,
        protocol,
        sourcePort: 6161,
        node: 'one',
      } as const;
      expect((await lab.probe(question))[0]?.verdict).not.toBe('allowed');
      await lab.apply(service('early', spec));
      expect((await lab.probe(question))[0]?.verdict).toBe('allowed');
      await lab.remove(service('early', spec));
      expect((await lab.probe(question))[0]?.verdict).not.toBe('allowed');
    },
  );

  it('[A72] keep two connections from one port apart that two cluster IPs send to one backend', async () => {
    const only = server('twice', 'two', 'twice');
    const second = service('twice-again', { ...PORTS, selector: { app: 'twice' } });
    await lab.apply(only, service('twice', PORTS), second);
    const from = { from: 'default/asker', port: 'tcp', sourcePort: 5000, family: 4 } as const;
    const held = await holdFlows(lab, 'default/asker', {
      address: await addressOf('twice', 4),
      port: 80,
      tcp: 1,
      sourcePort: 5000,
    });
    const [line] = await lab.probe({ ...from, to: 'svc:default/twice-again' });
    expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'default/twice' });
    expect(await held.end()).toMatchObject({ broken: 0 });
    await lab.remove(only, service('twice', PORTS), second);
  });

  it('[A70] take many changes at once in few steps, and end exactly', async () => {
    const many = Array.from({ length: 30 }, (_, index) => server(`many-${index}`, 'two', 'many'));
    await lab.apply(...many, service('many', PORTS));
    const before = await syncs();
    await lab.remove(...many.slice(1));
    expect(await answers({ from: 'default/asker', to: 'svc:default/many', port: 'tcp' })).toEqual([
      'default/many-0',
    ]);
    expect((await syncs()) - before).toBeLessThanOrEqual(5);
    await lab.remove(...many.slice(0, 1), service('many', PORTS));
  });

  /** Changes that the agent of node one has applied so far, by its own metric. */
  async function syncs(): Promise<number> {
    const script =
      "fetch('http://127.0.0.1:10249/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))";
    const metrics = await lab.inside('node/one', process.execPath, '-e', script);
    return Number(/^kubeproxy_sync_proxy_rules_duration_seconds_count (\d+)/m.exec(metrics)?.[1]);
  }
});
