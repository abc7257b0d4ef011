/** With --policy-default-closed, containers that no agent ever saw: they came while none ran. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startFlood } from './flood.ts';
import { killAgents } from './killed-agents.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

const WEB = ['10.244.1.10', 'fd44:1::10'] as const;
const STRANGER = ['10.244.2.201', 'fd44:2::201'] as const;
const PORTS = [{ containerPort: 80 }, { containerPort: 54, protocol: 'UDP' as const }];
const web = pod('web', { node: 'one', ports: PORTS });
const CLUSTER: readonly Manifest[] = [
  node('one'),
  node('two'),
  { ...web, status: { ...(web.status as object), podIPs: WEB.map((ip) => ({ ip })) } },
  pod('far', { node: 'two', ports: [] }),
  pod('mute', { node: 'two', ports: [] }),
];
const ASKED = ['default/far > default/web:80', 'default/mute > default/web:80'];

describe.each(POLICY_BACKENDS)('containers that came while no agent ran, on %s', (backend) => {
  const lab = usePolicyLab(backend, CLUSTER, ['--policy-default-closed']);
  const ip = (namespace: string, ...lines: readonly string[]) =>
    promisify(execFile)('sh', ['-c', lines.map((line) => `ip -n ${namespace} ${line}`).join(' && ')]);

  it('[H6] [C35] get nothing through, and known pods go on as before', async () => {
    const stranger = `weir-${lab.name}-stranger`;
    const two = `weir-${lab.name}-n-two`;
    await lab.apply(
      networkPolicy('mute', { policyTypes: ['Egress'] }),
      networkPolicy('far', { policyTypes: ['Egress'], egress: [{ to: [podsLabelled('web')] }] }),
    );
    const enforced = async () => Object.values(await lab.verdicts(...ASKED));
    expect(await enforced()).toEqual(['allowed', 'blocked']);
    await killAgents(lab, ['two']);
    await promisify(execFile)('ip', ['netns', 'add', stranger]);
    try {
      await ip(
        two,
        `link add x0 address 02:00:00:00:00:01 type veth peer name eth0 netns ${stranger}`,
        'link set x0 up',
        'address add fe80::1/64 dev x0 nodad',
      );
      await ip(
        stranger,
        'link set eth0 up',
        `address add ${STRANGER[0]}/32 dev eth0`,
        `address add ${STRANGER[1]}/128 dev eth0 nodad`,
        'neighbour add 169.254.1.1 lladdr 02:00:00:00:00:01 dev eth0',
        'route add default via 169.254.1.1 dev eth0 onlink',
        '-6 route add default via fe80::1 dev eth0',
      );
      for (const address of STRANGER) await ip(two, `route add ${address} dev x0`);
      const floods = await Promise.all(
        WEB.map((address) => startFlood(`/run/netns/${stranger}`, address, 54)),
      );
      for (const flood of floods) await flood.sent(1000);
      expect(await enforced()).toEqual(['allowed', 'blocked']);
      for (const flood of floods) expect(await flood.end()).toMatchObject({ answered: 0 });
    } finally {
      await promisify(execFile)('ip', ['netns', 'del', stranger]);
    }
    // Starts the agent again: a pod that it learns of is let through.
    const late = pod('late', { node: 'two', ports: [] });
    await lab.apply(late);
    expect(Object.values(await lab.verdicts('default/late > default/web:80', ...ASKED))).toEqual([
      'allowed',
      'allowed',
      'blocked',
    ]);
    await lab.remove(late);
  });
});
