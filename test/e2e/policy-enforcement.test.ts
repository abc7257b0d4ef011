/** How policies are enforced: on open flows, errors, fragments and odd packets, behind Services, and told to people. */
import { afterAll, describe, expect, it } from 'vitest';
import { streamAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import { type Conversation, startConversation } from './conversation.ts';
import { type Manifest, node, pod, service } from './manifests.ts';
import { POLICY_BACKENDS, type PolicyLab, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

const ADDRESSES = {
  web: ['10.244.1.10', 'fd44:1::10'],
  near: ['10.244.1.11', 'fd44:1::11'],
  far: ['10.244.2.12', 'fd44:2::12'],
  peer: ['10.244.2.13', 'fd44:2::13'],
} as const;
const FAMILIES = [0, 1] as const;
/** On the same node and on another one, in both families. */
const CLIENTS = (['near', 'far'] as const).flatMap((client) =>
  FAMILIES.map((family) => [client, family] as const),
);

function at(name: keyof typeof ADDRESSES, onNode: string, more: Parameters<typeof pod>[1] = {}): Manifest {
  const manifest = pod(name, { node: onNode, ...more });
  const podIPs = ADDRESSES[name].map((ip) => ({ ip }));
  return { ...manifest, status: { ...(manifest.status as object), podIPs } };
}

const PORTS = [
  { containerPort: 80 },
  { containerPort: 81 },
  { containerPort: 53, protocol: 'UDP' as const },
  { containerPort: 54, protocol: 'UDP' as const },
];

async function dropsOf(lab: PolicyLab, onNode: string, reason: string): Promise<number> {
  const found = (await lab.policies(onNode)).kernel?.drops.find((drop) => drop.reason === reason);
  return (found?.ingress ?? 0) + (found?.egress ?? 0);
}

describe.each(POLICY_BACKENDS)('enforcement on %s', (backend) => {
  const lab = usePolicyLab(backend, [
    node('one'),
    node('two'),
    at('web', 'one', { ports: PORTS }),
    at('near', 'one', { ports: [] }),
    at('far', 'two', { ports: [] }),
    at('peer', 'two', { ports: PORTS }),
    service('web', { ports: [{ port: 8080, targetPort: 80 }] }),
    service('web-edge', {
      selector: { app: 'web' },
      type: 'NodePort',
      ports: [{ port: 80, nodePort: 30080 }],
    }),
  ]);
  const open: Conversation[] = [];
  const converse = (...[who, options]: [string, Parameters<typeof startConversation>[2]]) => {
    const conversation = startConversation(lab, who, options);
    open.push(conversation);
    return conversation;
  };
  afterAll(() => {
    for (const conversation of open) conversation.end();
  });
  const letIn = (...apps: readonly string[]) =>
    networkPolicy('web', { ingress: apps.map((app) => ({ from: [podsLabelled(app)] })) });
  const drops = (onNode: string, reason: string) => dropsOf(lab, onNode, reason);
  const flowsOf = async (onNode: string): Promise<readonly unknown[]> => {
    const lines: unknown[] = [];
    const socket = controlSocketPath(`lab-${lab.name}-${onNode}`);
    await streamAgent(socket, '/flows', (line) => lines.push(JSON.parse(line)));
    return lines;
  };

  it.each(FAMILIES)(
    '[C18] [C11] a change cuts the open flows that it no longer allows, and no others (%i)',
    async (family) => {
      const [address, port] = [ADDRESSES.web[family], 80];
      await lab.during([letIn('near', 'far')], async () => {
        const [cut, kept] = ['default/near', 'default/far'].map((who) => converse(who, { address, port }));
        expect([await cut?.talk(), await kept?.talk()]).toEqual(['answered', 'answered']);
        await lab.apply(letIn('far'));
        expect([await cut?.talk(), await kept?.talk()]).toEqual(['silent', 'answered']);
      });
    },
  );

  it.each(CLIENTS)(
    '[C24] a connection from before its policy lives on where the policy allows it (%s, %i)',
    async (client, family) => {
      const talk = converse(`default/${client}`, { address: ADDRESSES.web[family], port: 80 });
      expect(await talk.talk()).toBe('answered');
      await lab.during(
        [letIn(client), networkPolicy(client, { egress: [{ to: [podsLabelled('web')] }] })],
        async () => expect(await talk.talk()).toBe('answered'),
      );
    },
  );

  it.each(['near', 'far'] as const)(
    '[C11] errors of allowed flows come back to a pod that lets nobody in (%s)',
    async (client) => {
      const shut = networkPolicy(client, {
        policyTypes: ['Ingress', 'Egress'],
        egress: [{ to: [podsLabelled('web')] }],
      });
      const asked = ['99/udp', '53/udp'].map((port) => `default/${client} > default/web:${port}`);
      await lab.during([shut], async () =>
        expect(Object.values(await lab.verdicts(...asked))).toEqual(['refused', 'allowed']),
      );
    },
  );

  it.each(['near', 'far'] as const)(
    '[I10] [C22] an echo request is no reply to one the other way (%s)',
    async (client) => {
      await lab.during([networkPolicy('web', { ingress: [] })], async () => {
        const [there, back] = [
          `default/${client} > default/web/icmp`,
          `default/web > default/${client}/icmp`,
        ];
        const round = async () => [(await lab.verdicts(there))[there], (await lab.verdicts(back))[back]];
        expect(await round()).toEqual(['blocked', 'allowed']);
        expect(await round()).toEqual(['blocked', 'allowed']);
      });
    },
  );

  it.each(CLIENTS)(
    '[C21] [I19] datagrams in fragments pass or fall whole (%s, %i)',
    async (client, family) => {
      const say = (port: number) =>
        converse(`default/${client}`, {
          address: ADDRESSES.web[family],
          port,
          protocol: 'udp',
          length: 8000,
        });
      const only = networkPolicy('web', { ingress: [{ ports: [{ protocol: 'UDP', port: 53 }] }] });
      await lab.during([only], async () => {
        expect([await say(53).talk(), await say(54).talk()]).toEqual(['answered', 'silent']);
      });
    },
  );

  it.each((['web', 'peer'] as const).flatMap((to) => FAMILIES.map((family) => [to, family] as const)))(
    '[C34] [I22] what a pod sends to %s from another’s address is dropped and counted (%i)',
    async (to, family) => {
      const [address, port, source] = [ADDRESSES[to][family], 53, ['10.244.1.99', 'fd44:1::99'][family]];
      const bits = family === 0 ? 32 : 128;
      await lab.inside('default/near', 'ip', 'address', 'add', `${source}/${bits}`, 'dev', 'lo');
      const before = await drops('one', 'spoofed-source');
      const spoofed = converse('default/near', { address, port, protocol: 'udp', source: String(source) });
      expect(await spoofed.talk()).toBe('silent');
      expect(await drops('one', 'spoofed-source')).toBeGreaterThan(before);
      await lab.inside('default/near', 'ip', 'address', 'del', `${source}/${bits}`, 'dev', 'lo');
    },
  );

  it('[C15] a policy sees the pod behind a Service', async () => {
    const toWeb = networkPolicy('near', { policyTypes: ['Egress'], egress: [{ to: [podsLabelled('web')] }] });
    const asked = ['default/near > svc:default/web:8080', 'default/far > svc:default/web:8080'];
    await lab.during([toWeb], async () =>
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['allowed', 'allowed']),
    );
    const toNobody = networkPolicy('near', { policyTypes: ['Egress'] });
    await lab.during([toNobody], async () =>
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['blocked', 'allowed']),
    );
    await lab.during([letIn('far')], async () =>
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['blocked', 'allowed']),
    );
  });

  it('[C23] through a node port a policy sees the client where the server is, else the node', async () => {
    const from = (...blocks: readonly string[]) =>
      networkPolicy('web', { ingress: [{ from: blocks.map((cidr) => ({ ipBlock: { cidr } })) }] });
    const asked = ['external > nodeport:one:30080', 'external > nodeport:two:30080'];
    await lab.during([from('203.0.113.10/32', '2001:db8:ffff::10/128')], async () =>
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['allowed', 'blocked']),
    );
    await lab.during([from('172.31.0.0/24', 'fd31::/64')], async () =>
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['blocked', 'allowed']),
    );
  });

  it('[C19] an ended pod’s address is that of the pod that has it now', async () => {
    const ended = { ...at('near', 'one', { ports: [], labels: { app: 'old' } }) };
    const old: Manifest = {
      ...ended,
      metadata: { name: 'old', namespace: 'default', labels: { app: 'old' } },
      status: { ...(ended.status as object), phase: 'Succeeded' },
    };
    const asked = 'default/near > default/web:80';
    await lab.apply(old);
    await lab.during([letIn('old')], async () =>
      expect(await lab.verdicts(asked)).toEqual({ [asked]: 'blocked' }),
    );
    await lab.during([letIn('near')], async () =>
      expect(await lab.verdicts(asked)).toEqual({ [asked]: 'allowed' }),
    );
    await lab.remove(old);
  });

  it('[C29] an audited policy lets pass what it would deny', async () => {
    const audited = networkPolicy('web', { ingress: [] }, { annotations: { 'weir.dev/audit': 'true' } });
    const asked = ['default/near > default/web:80', 'default/far > default/web:80'];
    const verdicts = async () => Object.values(await lab.verdicts(...asked));
    await lab.during([audited], async () => expect(await verdicts()).toEqual(['allowed', 'allowed']));
    await lab.during([networkPolicy('web', { ingress: [] })], async () =>
      expect(await verdicts()).toEqual(['blocked', 'blocked']),
    );
  });

  it('[C29] [C30] weir flows tells of a connection from before its audited policy, by names', async () => {
    const talk = converse('default/near', { address: ADDRESSES.web[0], port: 80 });
    expect(await talk.talk()).toBe('answered');
    const audited = networkPolicy('web', { ingress: [] }, { annotations: { 'weir.dev/audit': 'true' } });
    await lab.during([audited], async () => {
      expect(await talk.talk()).toBe('answered');
      const told = { kind: 'audit', direction: 'ingress', pod: 'default/web', peerPod: 'default/near' };
      const isolated = expect.objectContaining({ kind: 'default-deny', direction: 'ingress' });
      await expect
        .poll(() => flowsOf('one'))
        .toContainEqual(expect.objectContaining({ ...told, localPort: 80, auditRule: isolated }));
    });
  });

  it('[H18] every drop is counted under its reason, as a metric too', async () => {
    const asked = 'default/far > default/web:80';
    await lab.during([letIn('near')], async () => {
      const before = await drops('one', 'policy');
      expect(await lab.verdicts(asked)).toEqual({ [asked]: 'blocked' });
      expect(await drops('one', 'policy')).toBeGreaterThan(before);
    });
    const script = "fetch('http://127.0.0.1:10249/metrics').then((r) => r.text()).then(console.log)";
    const metrics = await lab.inside('node/one', process.execPath, '-e', script);
    expect(metrics).toMatch(/weir_policy_drops_total\{reason="policy",direction="ingress"\} [1-9]/);
    expect(metrics).toMatch(/weir_policy_drops_total\{reason="tiny-fragment",direction="ingress"\} 0/);
    expect(metrics).toMatch(/weir_policy_rows\{table="subjects"\} 0/);
  });
});

describe.each(POLICY_BACKENDS)('denials that are answered, on %s', (backend) => {
  const lab = usePolicyLab(
    backend,
    [node('one'), node('two'), at('web', 'one', { ports: PORTS }), at('near', 'one'), at('far', 'two')],
    ['--policy-deny=reject'],
  );

  it('[C28] tell the client at once, of whatever protocol, at both ends', async () => {
    const asked = (port: string) => ['near', 'far'].map((from) => `default/${from} > default/web:${port}`);
    const outcomes = async (port: string) => [...new Set(Object.values(await lab.verdicts(...asked(port))))];
    const both = async () => [await outcomes('80'), await outcomes('53/udp')];
    const told = [['refused'], ['refused']];
    await lab.during([networkPolicy('web', { ingress: [] })], async () => expect(await both()).toEqual(told));
    const mute = ['near', 'far'].map((name) => networkPolicy(name, { policyTypes: ['Egress'] }));
    await lab.during(mute, async () => expect(await both()).toEqual(told));
    const nearOnly = networkPolicy('web', { ingress: [{ from: [podsLabelled('near')] }] });
    await lab.during([nearOnly], async () =>
      expect(Object.values(await lab.verdicts(...asked('80')))).toEqual(['allowed', 'refused']),
    );
    expect(await dropsOf(lab, 'one', 'policy')).toBeGreaterThan(0);
  });
});
