/** Whom the next connection gets, by the command that tells it; then it is made. And what is told of backends that fail. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceStatus } from '../../src/agent/service-status.ts';
import type { LiveTraceAnswer } from '../../src/explain/trace-live.ts';
import { formatEndpoint } from '../../src/model/address.ts';
import { weir } from '../cli/weir.ts';
import { tally, useLab } from './lab-cluster.ts';
import { client, type Manifest, node, pod, service } from './manifests.ts';

const SCHEDULERS = ['rr', 'wrr', 'lc', 'sed', 'sh', 'maglev', 'dh'] as const;
const NAMES = [...SCHEDULERS, 'sticky'];
const ASKER = 'default/asker';

/** For the pods that all Services share but the one that fails. */
function serviceWith(
  name: string,
  annotations: Readonly<Record<string, string>>,
  spec: Readonly<Record<string, unknown>> = {},
): Manifest {
  return service(name, { selector: { app: 'web' }, ...spec }, { metadata: { annotations } });
}

const MANIFESTS = [
  node('one'),
  node('two'),
  client('asker', 'one'),
  pod('machine', { node: 'one', ports: [], metadata: { annotations: { 'weir.dev/socket-lb': 'off' } } }),
  ...[3, 1, 2].map((weight, index) =>
    pod(`web-${index}`, {
      node: index === 0 ? 'one' : 'two',
      labels: { app: 'web' },
      metadata: { annotations: { 'weir.dev/weight': `${weight}` } },
    }),
  ),
  ...SCHEDULERS.map((name) => serviceWith(name, { 'weir.dev/scheduler': name })),
  serviceWith('sticky', { 'weir.dev/scheduler': 'rr' }, { sessionAffinity: 'ClientIP' }),
  ...[0, 1].map((index) => pod(`good-${index}`, { node: 'two', labels: { app: 'frail' } })),
  // Nobody listens at the port that the Service leads to.
  pod('bad', { node: 'two', labels: { app: 'frail' }, ports: [{ containerPort: 9999 }] }),
  serviceWith('frail', { 'weir.dev/scheduler': 'rr' }, { selector: { app: 'frail' } }),
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-e2e-'));
  const list = { apiVersion: 'v1', kind: 'List', items: MANIFESTS };
  writeFileSync(join(folder, 'all.json'), JSON.stringify(list));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the next connection on bpf', { timeout: 120_000 }, () => {
  const lab = useLab(MANIFESTS, { servicesBackend: 'bpf' });
  const instance = () => ['--instance', `lab-${lab.name}-one`];
  /** Lines for both families of each Service. */
  const trace = async (names: readonly string[], from = ASKER) => {
    const input = names
      .map((name) => JSON.stringify({ from, to: `svc:default/${name}`, port: 80 }))
      .join('\n');
    const argv = ['trace', '--manifests', folder, '--live', '--batch', '-', '--json', ...instance()];
    const { code, stdout, stderr } = await weir(argv, { input });
    expect([code, stderr]).toEqual([0, '']);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LiveTraceAnswer);
  };
  const statuses = async (name: string) => {
    const { stdout } = await weir(['status', 'services', `default/${name}`, '--json', ...instance()]);
    return JSON.parse(stdout) as readonly ServiceStatus[];
  };
  /** Pods by endpoint. */
  const podsOf = async (name: string) =>
    new Map(
      (await statuses(name)).flatMap(({ backends }) =>
        backends.map((backend) => [formatEndpoint(backend.address, backend.port), backend.pod] as const),
      ),
    );

  it('[A57] [A35] goes where weir trace --live says, in both families', async () => {
    const pods = await podsOf('rr');
    for (let round = 0; round < 3; round++) {
      const expected = (await trace(NAMES)).map(({ to, live }) => {
        if (live === null) throw new Error(`${to}: no answer`);
        const [first] = live.chances;
        return { to, by: live.by, answeredBy: pods.get(first?.endpoint ?? ''), chance: first?.chance };
      });
      // Before anybody dialled it, affinity has nothing to say; its turns do.
      expect(expected.map(({ chance }) => chance)).toEqual(expected.map(() => 1));
      const made = await lab.probe(
        ...NAMES.map((name) => ({ from: ASKER, to: `svc:default/${name}`, port: 80 })),
      );
      expect(made.map(({ to, answeredBy }) => ({ to, by: 'sockets', answeredBy, chance: 1 }))).toEqual(
        expected,
      );
    }
  });

  it('[E2] is told by shares where a packet decides', async () => {
    const lines = await trace(['wrr'], 'default/machine');
    expect(lines.map(({ live }) => live)).toMatchObject(
      [4, 6].map(() => ({ by: 'packets', chances: [{ chance: 0.5 }, { chance: 1 / 3 }, { chance: 1 / 6 }] })),
    );
  });

  it('[F3] avoids a backend that refuses: status and trace name it, the others get everything', async () => {
    const before = tally(await lab.repeat(30, { from: ASKER, to: 'svc:default/frail', port: 80, family: 4 }));
    expect(before.get('refused')).toBeLessThanOrEqual(4);
    // All at once: it is out for ten seconds.
    const [services, traced, { stdout }] = await Promise.all([
      statuses('frail'),
      trace(['frail']),
      weir(['status', 'services', 'default/frail', ...instance()]),
      expect.poll(async () => (await lab.status('one')).ejectedBackends).toBeGreaterThanOrEqual(1),
    ]);
    const status = services.find(({ family }) => family === 'IPv4');
    const bad = status?.backends.find(({ pod: name }) => name === 'default/bad');
    expect(status?.schedulers).toEqual({ asked: 'rr', sockets: 'rr', packets: 'rr' });
    expect(bad?.counts).toMatchObject({ open: 0, ejectedUntil: expect.stringMatching(/^20/) });
    expect(bad?.counts?.failures).toBeGreaterThanOrEqual(3);
    const endpoint = formatEndpoint(bad?.address ?? ('' as never), bad?.port ?? (0 as never));
    const live = traced.find(({ address }) => address?.includes('.'))?.live;
    expect(live?.chances.map((chance) => chance.endpoint)).not.toContain(endpoint);
    expect(live?.passedOver.map((each) => each.endpoint)).toEqual([endpoint]);
    expect(stdout).toMatch(new RegExp(`${endpoint.replaceAll('.', '\\.')} .* ejected`));
  });

  it('[A17] is nobody’s business of a Service that there is not', async () => {
    const { code, stderr } = await weir(['status', 'services', 'default/none', ...instance()]);
    expect([code, stderr]).toEqual([
      1,
      'weir: no Service default/none is served on this node; see weir status services\n',
    ]);
  });
});
