/** The kernel asked what it would do, by the commands that ask it; and what they say when a row in it is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyStatus } from '../../src/agent/policy-record.ts';
import type { KernelTraceAnswer } from '../../src/explain/trace-kernel.ts';
import type { VerifyReport } from '../../src/explain/verify.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import { weir } from '../cli/weir.ts';
import { useLab } from './lab-cluster.ts';
import { node, pod, service } from './manifests.ts';
import { namespace, networkPolicy, podsLabelled } from './policy-manifests.ts';

const MANIFESTS = [
  node('one'),
  node('two'),
  namespace('other'),
  pod('web', { node: 'one', ports: [{ containerPort: 80 }] }),
  pod('near', { node: 'one' }),
  pod('guest', { namespace: 'other', node: 'one' }),
  pod('far', { node: 'two', labels: { app: 'near' } }),
  service('web', { ports: [{ port: 8080, targetPort: 80 }] }),
  service('nobody'),
  networkPolicy('web', {
    ingress: [{ from: [podsLabelled('near')], ports: [{ port: 80 }, { port: 1000, endPort: 2000 }] }],
  }),
];
const RULE = 'NetworkPolicy default/web spec.ingress[0].from[0].ports[0]';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-e2e-'));
  writeFileSync(
    join(folder, 'all.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: MANIFESTS }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Loading the programs takes a second of CPU for each command.
describe('policies on bpf', { timeout: 120_000 }, () => {
  const lab = useLab(MANIFESTS, {
    agentArguments: ['--policy-backend=bpf', '--sync-period=1h'],
    expectTranslation: false,
  });
  const instance = () => `lab-${lab.name}-one`;
  const verify = async () => {
    const { code, stdout, stderr } = await weir(['verify', '--instance', instance(), '--json']);
    return { code, stderr, report: JSON.parse(stdout) as VerifyReport };
  };
  const trace = async (from: string, to: string, ...more: readonly string[]) => {
    const asked = ['--manifests', folder, '--from', from, '--to', to, ...more];
    const { code, stdout, stderr } = await weir([
      'trace',
      ...asked,
      '--kernel',
      '--instance',
      instance(),
      '--json',
    ]);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as KernelTraceAnswer);
    return { code, stderr, lines };
  };
  /** Takes all peers out of the kernel's table, behind the agent's back, does the work, and puts them back. */
  const withoutPeers = async (work: () => Promise<void>) => {
    const native = nativeAddon();
    const map = await native.openPinned(`${pinDirectory(instance())}/maps/peer_addresses`);
    const { keys, values } = await native.readMap(map);
    await native.deleteFromMap(map, keys);
    try {
      await work();
    } finally {
      await native.updateMap(map, keys, values);
      native.closeDescriptor(map);
    }
  };

  it('[F12] weir verify asks all pairs of local pods and finds kernel and rows the same', async () => {
    const { code, report } = await verify();
    expect(report).toMatchObject({
      pods: ['default/near', 'default/web', 'other/guest'],
      unenforced: [],
      ports: { named: [80, 1000, 2000], unnamed: 1 },
      // Of web, which is selected, also each Service's port, another one, TCP and UDP, and a ping.
      asked: 3 * 2 * 2 * 2 * (3 * 4 + 1) + 2 * 2 * 4,
      disagreements: [],
    });
    expect(code).toBe(0);
  });

  it('[F12] weir trace --kernel asks both ends that are on the node, also behind a Service', async () => {
    for (const [to, ...port] of [['default/web', '--port', '80'], ['svc:default/web']] as const) {
      const { code, stderr, lines } = await trace('default/near', to, ...port);
      // What near sends is asked as it dials it, too.
      const asked = port.length > 0 ? ['near', 'web'] : ['near', 'near', 'web'];
      expect(
        lines.map(({ verdict, kernel }) => [verdict, kernel.map(({ pod, agrees }) => [pod, agrees])]),
      ).toEqual([4, 6].map(() => ['allowed', asked.map((name) => [`default/${name}`, true])]));
      expect(lines[0]?.kernel.at(-1)?.kernel).toEqual({ verdict: 'allowed', by: RULE, auditDeniedBy: null });
      expect([code, stderr]).toEqual([0, '']);
    }
    const { lines } = await trace('default/far', 'default/web', '--protocol', 'icmp');
    expect(lines.flatMap(({ kernel }) => kernel)).toMatchObject(
      [4, 6].map(() => ({
        pod: 'default/web',
        protocol: 'ICMP',
        kernel: { verdict: 'denied' },
        agrees: true,
      })),
    );
  });

  it('[F12] [A68] a ping of a Service is asked as the pod sends it, and as one of the node that answers', async () => {
    const { code, lines } = await trace('default/web', 'svc:default/web', '--protocol', 'icmp');
    expect(code).toBe(0);
    for (const { address, kernel } of lines) {
      const [dialled, answered] = kernel;
      expect([kernel.length, dialled?.peer, dialled?.backend]).toEqual([2, address, answered?.peer]);
      const own = await lab.inside('node/one', 'ip', 'route', 'get', String(answered?.peer));
      expect(own).toContain('local');
      expect(kernel.map(({ agrees, kernel: { verdict } }) => [agrees, verdict])).toEqual([
        [true, 'allowed'],
        [true, 'allowed'],
      ]);
    }
  });

  it('[F12] weir trace --kernel says when policies judge nothing of it on the node', async () => {
    const { code, stderr } = await trace('default/far', '203.0.113.10', '--port', '80');
    expect(stderr).toBe('the kernel was not asked: policies judge none of this on the agent’s node\n');
    expect(code).toBe(0);
  });

  it('[F12] a wrong row in the kernel: both fail and name the pair, its verdicts and rules', () =>
    withoutPeers(async () => {
      const { code, report } = await verify();
      expect(code).toBe(1);
      const wrong = report.disagreements.map(({ pod, direction, peer, protocol, port }) =>
        [direction, pod, peer.includes(':') ? 6 : 4, protocol, port].join(' '),
      );
      expect(wrong).toEqual(
        [4, 6].flatMap((family) =>
          [80, 1000, 2000].map((port) => `ingress default/web ${family} TCP ${port}`),
        ),
      );
      const traced = await trace('default/near', 'default/web', '--port', '80');
      expect(traced.code).toBe(1);
      expect(traced.stderr.trimEnd().split('\n')).toEqual(
        [/10\.\S+:80/, /\[\S+\]:80/].map((place) =>
          expect.stringMatching(
            new RegExp(
              `^KERNEL AND ROWS DISAGREE: ingress of default/near \\(\\S+\\) → default/web \\(${place.source}\\) TCP: rows: allowed \\(${RULE.replace(/[[\]]/g, '\\$&')}\\); kernel: denied \\(isolated by NetworkPolicy default/web\\)$`,
            ),
          ),
        ),
      );
      const { stdout } = await weir(['verify', '--instance', instance()]);
      expect(stdout).toMatch(/6 answered in another way than the rows say\n$/);
    }));

  it('[F12] beside changes of policies it is asked again, and finds nothing wrong', async () => {
    const [one, other] = await Promise.all([
      verify(),
      verify(),
      (async () => {
        for (let round = 0; round < 5; round++) {
          const policy = networkPolicy('near', { ingress: [{ ports: [{ port: 3000 + round }] }] });
          await lab.apply(policy);
          await lab.remove(policy);
        }
      })(),
    ]);
    for (const { code, report } of [one, other]) expect([code, report.disagreements]).toEqual([0, []]);
  });

  it('[F12] [H18] asking leaves no trace in what status tells', async () => {
    const counted = async () => {
      const { kernel, rules } = (await lab.status('one')).policies as PolicyStatus;
      return { rules, tallies: kernel?.tallies, drops: kernel?.drops };
    };
    const before = await counted();
    await verify();
    expect(await counted()).toEqual(before);
  });
});

describe('policies on nft', () => {
  const lab = useLab([node('one')], { agentArguments: ['--policy-backend=nft'], expectTranslation: false });

  it('[F12] both say in one line that only BPF programs can be asked', async () => {
    const asked = [
      '--manifests',
      folder,
      '--from',
      'default/near',
      '--to',
      'default/web',
      '--port',
      '80',
      '--kernel',
    ];
    for (const argv of [['verify'], ['trace', ...asked]]) {
      const { code, stdout, stderr } = await weir([...argv, '--instance', `lab-${lab.name}-one`]);
      expect(stderr).toMatch(
        /^weir: the agent of lab-\S+-one does not enforce policies by BPF \(nft: asked for .*\): only BPF programs can be asked; run it with --policy-backend=bpf\n$/,
      );
      expect([code, stdout]).toEqual([1, '']);
    }
  });
});
