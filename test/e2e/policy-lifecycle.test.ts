/** What holds while agents die, start again and are removed, before pods are known, and what people are told of verdicts. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { NamedVerdict } from '../../src/agent/verdict-log.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { startFlood } from './flood.ts';
import { programsOn } from './interface-programs.ts';
import { killAgents } from './killed-agents.ts';
import { type LabCluster, useLab } from './lab-cluster.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { POLICY_BACKENDS, type PolicyLab, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const WEB = '10.244.1.10';
const PORTS = [{ containerPort: 80 }, { containerPort: 54, protocol: 'UDP' as const }];
const CLUSTER: readonly Manifest[] = [
  node('one'),
  node('two'),
  {
    ...pod('web', { node: 'one', ports: PORTS }),
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      podIPs: [{ ip: WEB }, { ip: 'fd44:1::10' }],
    },
  },
  pod('near', { node: 'one', ports: [] }),
  pod('far', { node: 'two', ports: [] }),
];
const ONLY_NEAR = networkPolicy('web', { ingress: [{ from: [podsLabelled('near')] }] });
const ASKED = ['default/near > default/web:80', 'default/far > default/web:80'];

const NODES = ['one', 'two'];
const instanceOf = ({ name }: Pick<LabCluster, 'name'>, onNode: string) => `lab-${name}-${onNode}`;

describe.each(POLICY_BACKENDS)('the life of policies on %s', (backend) => {
  const lab: PolicyLab = usePolicyLab(backend, CLUSTER);
  const outcome = async () => Object.values(await lab.verdicts(...ASKED));

  it('[C35] [H2] without agents the last policies stay, and a new agent leaves no gap', async () => {
    await lab.apply(ONLY_NEAR);
    expect(await outcome()).toEqual(['allowed', 'blocked']);
    const flood = await startFlood(lab.netns('default/far'), WEB, 54);
    await killAgents(lab, NODES);
    expect(await outcome()).toEqual(['allowed', 'blocked']);
    // Starts the agents again, with what they find in the kernel.
    await lab.apply(networkPolicy('other', { podSelector: { matchLabels: { app: 'nobody' } } }));
    expect(await outcome()).toEqual(['allowed', 'blocked']);
    await flood.sent(100);
    expect(await flood.end()).toMatchObject({ answered: 0 });
    await lab.remove(ONLY_NEAR);
    expect(await outcome()).toEqual(['allowed', 'allowed']);
  });

  it('[C24] a policy that went while no agent ran is gone when one runs again', async () => {
    await lab.apply(ONLY_NEAR);
    await killAgents(lab, NODES);
    await lab.remove(ONLY_NEAR);
    expect(await outcome()).toEqual(['allowed', 'allowed']);
  });

  it('[C31] counts the flows that each rule decided', async () => {
    await lab.during([ONLY_NEAR], async () => {
      const hits = async () => {
        const { rules } = await lab.policies('one');
        return rules.find(({ rule }) => rule.kind === 'rule' && rule.policy.name === 'web')?.hits ?? 0;
      };
      const before = await hits();
      await lab.repeat(10, { from: 'default/near', to: 'default/web', port: 80, family: 4 });
      await expect.poll(async () => (await hits()) - before).toBe(10);
    });
  });

  it('[C30] tells verdicts with the names of pods and rules', async () => {
    const told: NamedVerdict[] = [];
    const listen = () =>
      streamAgent(controlSocketPath(instanceOf(lab, 'one')), '/flows', (line) => told.push(JSON.parse(line)));
    await lab.during([ONLY_NEAR], async () => {
      await outcome();
      const policy = { kind: 'NetworkPolicy', namespace: 'default', name: 'web' };
      // The kernel gathers verdicts for some hundredths of a second.
      const heard = () => listen().then(() => told);
      await expect.poll(heard).toContainEqual(
        expect.objectContaining({
          kind: 'drop',
          reason: 'policy',
          pod: 'default/web',
          peerPod: 'default/far',
          rule: expect.objectContaining({ kind: 'default-deny', policies: [policy] }),
        }),
      );
      await expect.poll(heard).toContainEqual(
        expect.objectContaining({
          kind: 'allow',
          pod: 'default/web',
          peerPod: 'default/near',
          rule: expect.objectContaining({ kind: 'rule', policy, ruleIndex: 0 }),
        }),
      );
    });
  });

  it('[A71] cleanup takes all of it away', async () => {
    await lab.apply(ONLY_NEAR);
    await killAgents(lab, NODES);
    const argv = [process.execPath, MAIN, 'cleanup', '--instance', instanceOf(lab, 'one')];
    const said = await lab.inside('node/one', ...argv);
    expect(said).toContain(
      backend === 'bpf' ? `removed ${pinDirectory(instanceOf(lab, 'one'))}` : 'removed nft table',
    );
    expect(existsSync(pinDirectory(instanceOf(lab, 'one')))).toBe(false);
    expect(await outcome()).toEqual(['allowed', 'allowed']);
    await lab.remove(ONLY_NEAR);
    // The counters are new: what the suite asks at its end is to be seen again.
    await lab.during([ONLY_NEAR], async () => expect(await outcome()).toEqual(['allowed', 'blocked']));
  });
});

describe.each(POLICY_BACKENDS)('pods that are not known yet on %s', (backend) => {
  const lab = usePolicyLab(backend, CLUSTER, ['--policy-default-closed']);

  it('[H6] [C35] get nothing through, with or without an agent', async () => {
    const stranger = `weir-${lab.name}-x`;
    const ip = (namespace: string, ...lines: readonly string[]) =>
      promisify(execFile)('sh', ['-c', lines.map((line) => `ip -n ${namespace} ${line}`).join(' && ')]);
    const gateway = '169.254.1.1';
    await promisify(execFile)('ip', ['netns', 'add', stranger]);
    try {
      const two = `weir-${lab.name}-n-two`;
      await ip(two, `link add x0 address 02:00:00:00:00:01 type veth peer name eth0 netns ${stranger}`);
      await ip(two, 'link set x0 up');
      await ip(
        stranger,
        'link set eth0 up',
        'address add 10.244.2.200/32 dev eth0',
        `neighbour add ${gateway} lladdr 02:00:00:00:00:01 dev eth0`,
        `route add default via ${gateway} dev eth0 onlink`,
      );
      await ip(two, 'route add 10.244.2.200/32 dev x0');
      if (backend === 'bpf') await programsOn(two, 'x0');
      const flood = await startFlood(`/run/netns/${stranger}`, WEB, 54);
      await flood.sent(200);
      await killAgents(lab, NODES);
      await flood.sent(200);
      expect(await flood.end()).toMatchObject({ answered: 0 });
    } finally {
      await promisify(execFile)('ip', ['netns', 'del', stranger]);
    }
  });

  it('[C17] [C35] are judged as soon as they are known', async () => {
    const mute = networkPolicy('late', { policyTypes: ['Egress'] });
    const late = ['late', 'free'].map((name) => pod(name, { node: 'two', ports: [] }));
    await lab.during([mute, networkPolicy('web', { ingress: [{}] }), ...late], async () =>
      expect(
        Object.values(await lab.verdicts('default/late > default/web:80', 'default/free > default/web:80')),
      ).toEqual(['blocked', 'allowed']),
    );
  });
});

describe('another backend', () => {
  beforeAll(() => {
    process.env.WEIR_POLICY_BACKEND = 'bpf';
  });
  afterAll(() => {
    delete process.env.WEIR_POLICY_BACKEND;
  });
  const lab = useLab(CLUSTER, { expectTranslation: false });
  const ask = async () =>
    (
      await lab.probe(
        ...['near', 'far'].map((from) => ({
          from: `default/${from}`,
          to: 'default/web',
          port: 80,
          family: 4 as const,
        })),
      )
    ).map(({ verdict }) => verdict);
  const backendNow = async () =>
    ((await lab.status('one')).backends as { readonly policy: { readonly backend: string } }).policy.backend;

  it('[H2] takes over without a gap, and what the first one left goes', async () => {
    await lab.apply(ONLY_NEAR);
    expect([await backendNow(), ...(await ask())]).toEqual(['bpf', 'allowed', 'blocked']);
    const flood = await startFlood(lab.netns('default/far'), WEB, 54);
    for (const next of ['nft', 'bpf']) {
      process.env.WEIR_POLICY_BACKEND = next;
      await killAgents(lab, NODES);
      // As if pods had been closed beside programs.
      await lab.inside('node/one', 'nft', 'add', 'table', 'inet', 'weir-closed');
      await lab.apply(networkPolicy('other', { podSelector: { matchLabels: { app: next } } }));
      expect(await lab.inside('node/one', 'nft', 'list', 'tables')).not.toContain('weir-closed');
      expect([await backendNow(), ...(await ask())]).toEqual([next, 'allowed', 'blocked']);
      expect(existsSync(`${pinDirectory(instanceOf(lab, 'one'))}/links`)).toBe(next === 'bpf');
    }
    expect(await flood.end()).toMatchObject({ answered: 0 });
  });
});
