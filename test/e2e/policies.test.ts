/** What network policies allow between pods, with real packets in both families, on one node and across nodes. */
import { describe, expect, it } from 'vitest';
import { kernelEntries } from './kernel-entries.ts';
import { node, pod } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { clusterPolicy, namespace, networkPolicy, podsLabelled } from './policy-manifests.ts';

const PORTS = [
  { containerPort: 80, name: 'http' },
  { containerPort: 81 },
  { containerPort: 31999 },
  { containerPort: 32000 },
  { containerPort: 32411 },
  { containerPort: 32768 },
  { containerPort: 32769 },
  { containerPort: 53, protocol: 'UDP' as const },
  { containerPort: 9000, protocol: 'SCTP' as const },
  { containerPort: 9001, protocol: 'SCTP' as const },
];
const EVERYONE = ['default/near', 'default/far', 'other/guest'];
const TEAM_BLUE = { namespaceSelector: { matchLabels: { team: 'blue' } } };
const SELECT_NEAR = { podSelector: { matchLabels: { app: 'near' } } };

describe.each(POLICY_BACKENDS)('policies on %s', (backend) => {
  const lab = usePolicyLab(backend, [
    node('one'),
    node('two'),
    namespace('other', { team: 'blue' }),
    pod('web', { node: 'one', ports: PORTS }),
    pod('near', { node: 'one', labels: { app: 'near', tier: 'front' }, ports: [{ containerPort: 80 }] }),
    pod('far', { node: 'two', ports: [{ containerPort: 8080, name: 'http' }] }),
    pod('host', { node: 'one', hostNetwork: true, ports: [{ containerPort: 7000 }] }),
    pod('remote-host', { node: 'two', hostNetwork: true, ports: [] }),
    pod('guest', { namespace: 'other', node: 'two', labels: { app: 'near' } }),
  ]);
  /** Who of everyone reaches the port of web. */
  const whoReaches = async (port = '80') => {
    const verdicts = await lab.verdicts(...EVERYONE.map((from) => `${from} > default/web:${port}`));
    for (const verdict of Object.values(verdicts)) expect(['allowed', 'blocked']).toContain(verdict);
    return EVERYONE.filter((from) => verdicts[`${from} > default/web:${port}`] === 'allowed');
  };
  const letIn = (from: readonly object[], ports?: readonly object[]) =>
    networkPolicy('web', { ingress: [{ from, ...(ports === undefined ? {} : { ports }) }] });
  const expectReached = (from: readonly object[], who: readonly string[]) =>
    lab.during([letIn(from)], async () => expect(await whoReaches()).toEqual(who));
  const portsReached = async (...ports: readonly string[]) => {
    const verdicts = await lab.verdicts(...ports.map((port) => `default/far > default/web:${port}`));
    return ports.filter((port) => verdicts[`default/far > default/web:${port}`] === 'allowed');
  };

  it('[C1] [I11] without policies all may talk, and selecting a pod isolates it in one direction', async () => {
    expect(await whoReaches()).toEqual(EVERYONE);
    await lab.during([networkPolicy('web', { policyTypes: ['Ingress'] })], async () => {
      expect(await whoReaches()).toEqual([]);
      const out = ['default/web > default/far:8080', 'default/web > default/near:80'];
      expect(Object.values(await lab.verdicts(...out))).toEqual(['allowed', 'allowed']);
    });
  });

  it('[C2] no rule lets nobody in, an empty rule everybody', async () => {
    await lab.during([networkPolicy('web', { ingress: [] })], async () =>
      expect(await whoReaches()).toEqual([]),
    );
    await lab.during([networkPolicy('web', { ingress: [{}] })], async () =>
      expect(await whoReaches()).toEqual(EVERYONE),
    );
  });

  it('[C3] isolates for egress only where the policy has a rule for it or says so', async () => {
    const out = 'default/web > default/far:8080';
    const verdictOut = async (spec: object) =>
      lab.during([networkPolicy('web', { ...spec })], async () => (await lab.verdicts(out))[out]);
    expect(await verdictOut({})).toBe('allowed');
    expect(await verdictOut({ egress: [] })).toBe('allowed');
    expect(await verdictOut({ egress: [{ to: [podsLabelled('near')] }] })).toBe('blocked');
    expect(await verdictOut({ policyTypes: ['Egress'] })).toBe('blocked');
    expect(await verdictOut({ policyTypes: ['Ingress'], egress: [] })).toBe('allowed');
  });

  it('[C4] [I17] adds policies up, and both ends must allow', async () => {
    const near = letIn([podsLabelled('near')]);
    const guests = networkPolicy('web-too', {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ from: [TEAM_BLUE] }],
    });
    await lab.during([near, guests], async () =>
      expect(await whoReaches()).toEqual(['default/near', 'other/guest']),
    );
    const mute = networkPolicy('far', { policyTypes: ['Egress'] });
    await lab.during([letIn([podsLabelled('near'), podsLabelled('far')]), mute], async () =>
      expect(await whoReaches()).toEqual(['default/near']),
    );
  });

  it('[C5] both selectors in one peer mean both, in two peers either', async () => {
    await expectReached([{ ...TEAM_BLUE, ...SELECT_NEAR }], ['other/guest']);
    await expectReached([TEAM_BLUE, SELECT_NEAR], ['default/near', 'other/guest']);
    await expectReached([{ namespaceSelector: {}, ...SELECT_NEAR }], ['default/near', 'other/guest']);
  });

  it.each([
    [{ key: 'app', operator: 'In', values: ['near', 'x'] }, ['default/near']],
    [{ key: 'app', operator: 'NotIn', values: ['near'] }, ['default/far']],
    [{ key: 'tier', operator: 'Exists' }, ['default/near']],
    [{ key: 'tier', operator: 'DoesNotExist' }, ['default/far']],
  ])('[C6] [I14] %j matches pods of its own namespace only', async (requirement, who) => {
    await expectReached([{ podSelector: { matchExpressions: [requirement] } }], who);
  });

  it('[C6] knows every namespace by its name', async () => {
    const labels = { 'kubernetes.io/metadata.name': 'other' };
    await expectReached([{ namespaceSelector: { matchLabels: labels } }], ['other/guest']);
  });

  it('[C7] [C20] [I12] a block holds pods but not its exceptions, and says nothing of the other family', async () => {
    const asked = ['default/near > default/web:80', 'default/far > default/web:80'];
    for (const [cidr, except, reached] of [
      ['10.244.0.0/16', '10.244.2.0/24', '4 allowed, 6 blocked'],
      ['fd44::/16', 'fd44:2::/64', '4 blocked, 6 allowed'],
    ] as const)
      await lab.during([letIn([{ ipBlock: { cidr, except: [except] } }])], async () =>
        expect(Object.values(await lab.verdicts(...asked))).toEqual([reached, 'blocked']),
      );
    for (const [cidr, reached] of [
      ['0.0.0.0/0', '4 allowed, 6 blocked'],
      ['::/0', '4 blocked, 6 allowed'],
    ] as const)
      await lab.during([letIn([{ ipBlock: { cidr } }])], async () =>
        expect(Object.values(await lab.verdicts(...asked))).toEqual([reached, reached]),
      );
    const both = [{ ipBlock: { cidr: 'fd44:1::/64' } }, { ipBlock: { cidr: '10.244.1.0/24' } }];
    await expectReached(both, ['default/near']);
  });

  it('[C8] a named port is each pod’s own: of the server for ingress, of each peer for egress', async () => {
    await lab.during([networkPolicy('web', { ingress: [{ ports: [{ port: 'http' }] }] })], async () =>
      expect(await portsReached('80', '81')).toEqual(['80']),
    );
    const out = networkPolicy('web', { policyTypes: ['Egress'], egress: [{ ports: [{ port: 'http' }] }] });
    await lab.during([out], async () => {
      const asked = ['default/web > default/far:8080', 'default/web > default/near:80'];
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['allowed', 'blocked']);
    });
  });

  it('[C9] a range of ports holds both its ends', async () => {
    const range = [{ port: 32000, endPort: 32768 }];
    await lab.during([networkPolicy('web', { ingress: [{ ports: range }] })], async () =>
      expect(await portsReached('31999', '32000', '32411', '32768', '32769')).toEqual([
        '32000',
        '32411',
        '32768',
      ]),
    );
  });

  it('[C10] [I20] a rule of one protocol opens no other', async () => {
    const only = (protocol: string, port: number) =>
      networkPolicy('web', { ingress: [{ ports: [{ protocol, port }] }] });
    const ports = ['80', '53/udp', '9000/sctp', '9001/sctp'];
    for (const [protocol, port, reached] of [
      ['SCTP', 9000, '9000/sctp'],
      ['UDP', 53, '53/udp'],
      ['TCP', 80, '80'],
    ] as const)
      await lab.during([only(protocol, port)], async () =>
        expect(await portsReached(...ports)).toEqual([reached]),
      );
  });

  it('[C12] a pod reaches itself whatever is denied', async () => {
    const closed = networkPolicy('web', { policyTypes: ['Ingress', 'Egress'] });
    await lab.during([closed], async () => {
      expect(Object.values(await lab.verdicts('default/web > default/web:80'))).toEqual(['allowed']);
      expect(await whoReaches()).toEqual([]);
    });
  });

  it('[C13] [C14] its own node reaches a pod, hostNetwork pods there too, and another node does not', async () => {
    const closed = networkPolicy('all', { podSelector: {} });
    await lab.during([closed], async () => {
      expect(
        await lab.verdicts(
          'node/one > default/web:80',
          'node/two > default/web:80',
          'default/host > default/web:80',
        ),
      ).toEqual({
        'node/one > default/web:80': 'allowed',
        'node/two > default/web:80': 'blocked',
        'default/host > default/web:80': 'allowed',
      });
      expect(Object.values(await lab.verdicts('node/two > default/host:7000'))).toEqual(['allowed']);
    });
  });

  it('[C14] a hostNetwork pod is its node, whatever its labels', async () => {
    const asked = 'default/remote-host > default/web:80';
    const verdicts = async () => Object.values(await lab.verdicts(asked));
    await lab.during([letIn([podsLabelled('remote-host')])], async () =>
      expect(await verdicts()).toEqual(['blocked']),
    );
    const node = [{ ipBlock: { cidr: '172.31.0.0/24' } }, { ipBlock: { cidr: 'fd31::/64' } }];
    await lab.during([letIn(node)], async () => expect(await verdicts()).toEqual(['allowed']));
  });

  it('[C16] [I15] a label that goes or comes counts at once', async () => {
    const near = (labels: Readonly<Record<string, string>>) =>
      pod('near', { node: 'one', labels, ports: [{ containerPort: 80 }] });
    await lab.during([letIn([podsLabelled('near'), TEAM_BLUE])], async () => {
      expect(await whoReaches()).toEqual(['default/near', 'other/guest']);
      await lab.apply(near({ app: 'stranger' }), namespace('other', { team: 'red' }));
      expect(await whoReaches()).toEqual([]);
      await lab.apply(near({ app: 'near', tier: 'front' }), namespace('other', { team: 'blue' }));
      expect(await whoReaches()).toEqual(['default/near', 'other/guest']);
    });
  });

  it('[I13] a selector that matches nobody lets nobody in', async () => {
    await expectReached([podsLabelled('nobody')], []);
    await expectReached([{ namespaceSelector: { matchLabels: { team: 'none' } } }], []);
  });

  it('[C24] policies that come and go leave nothing, in rows and in the kernel', async () => {
    const standing = () =>
      Promise.all(
        ['one', 'two'].map(async (onNode) => ({
          rows: (await lab.rows(onNode)).policies,
          kernel: await kernelEntries(lab, backend, onNode),
        })),
      );
    // What tests before this one left goes a moment later.
    const none = { peer_addresses: 0, peer_prefixes: 0, verdict_groups: 0, port_verdicts: 0 };
    const settled = async () => (await standing()).map(({ kernel }) => kernel);
    if (backend === 'bpf')
      await expect
        .poll(settled, { timeout: 15_000 })
        .toEqual([expect.objectContaining(none), expect.objectContaining(none)]);
    const before = await standing();
    const policies = [
      letIn([podsLabelled('near'), { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }]),
      clusterPolicy('all', 1, { ingress: [] }),
    ];
    for (let round = 0; round < 8; round++)
      await lab.during(policies, async () => {
        expect(await standing()).not.toEqual(before);
        await lab.verdicts('default/far > default/web:80');
      });
    await expect.poll(standing, { timeout: 15_000 }).toEqual(before);
    expect(await whoReaches()).toEqual(EVERYONE);
  });

  describe('in tiers', () => {
    const fromBlue = (action: string) => ({
      action,
      from: [{ namespaces: { matchLabels: { team: 'blue' } } }],
    });
    const fromAll = (action: string) => ({ action, from: [{ namespaces: {} }] });
    const web = { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'web' } } } };
    const tiered = (name: string, tier: string, priority: number, ...ingress: readonly object[]) =>
      clusterPolicy(name, priority, { tier, subject: web, ingress });

    it('[C25] Admin denies what a NetworkPolicy allows, and lower priorities come first', async () => {
      const open = networkPolicy('web', { ingress: [{}] });
      await lab.during([open, tiered('no-blue', 'Admin', 10, fromBlue('Deny'))], async () =>
        expect(await whoReaches()).toEqual(['default/near', 'default/far']),
      );
      const first = tiered('yes-blue', 'Admin', 5, fromBlue('Accept'));
      await lab.during([first, tiered('nobody', 'Admin', 10, fromAll('Deny'))], async () =>
        expect(await whoReaches()).toEqual(['other/guest']),
      );
    });

    it('[C25] Pass leaves it to NetworkPolicies, and without them to Baseline', async () => {
      const pass = tiered('pass-blue', 'Admin', 1, fromBlue('Pass'));
      const deny = tiered('deny-all', 'Admin', 2, fromAll('Deny'));
      const baseline = tiered('base', 'Baseline', 1, fromAll('Deny'));
      await lab.during([pass, deny], async () => expect(await whoReaches()).toEqual(['other/guest']));
      await lab.during([pass, deny, baseline], async () => expect(await whoReaches()).toEqual([]));
      await lab.during([pass, deny, baseline, letIn([TEAM_BLUE])], async () =>
        expect(await whoReaches()).toEqual(['other/guest']),
      );
    });

    const near = { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'near' } } } };
    const nearOut = (priority: number, ...egress: readonly object[]) =>
      clusterPolicy(`out-${priority}`, priority, { subject: near, egress });
    const EVERYWHERE = { networks: ['0.0.0.0/0', '::/0'] };

    it('[C26] egress to networks and nodes', async () => {
      const egress = [
        { action: 'Accept', to: [{ networks: ['10.244.2.0/24', 'fd44:2::/64'] }] },
        { action: 'Accept', to: [{ nodes: {} }] },
        { action: 'Deny', to: [EVERYWHERE] },
      ];
      await lab.during([nearOut(1, ...egress)], async () =>
        expect(
          await lab.verdicts(
            'default/near > default/far:8080',
            'default/near > default/web:80',
            'default/near > default/host:7000',
          ),
        ).toEqual({
          'default/near > default/far:8080': 'allowed',
          'default/near > default/web:80': 'blocked',
          'default/near > default/host:7000': 'allowed',
        }),
      );
    });

    it('[C26] [C9] egress to ranges of ports, single ones, and names', async () => {
      const egress = [
        {
          action: 'Accept',
          to: [EVERYWHERE],
          protocols: [
            { tcp: { destinationPort: { range: { start: 32000, end: 32768 } } } },
            { tcp: { destinationPort: { number: 81 } } },
            { sctp: { destinationPort: { number: 9000 } } },
          ],
        },
        {
          action: 'Accept',
          to: [{ namespaces: {} }],
          protocols: [{ destinationNamedPort: 'http' }],
        },
        { action: 'Deny', to: [EVERYWHERE] },
      ];
      const ports = [
        '80',
        '81',
        '31999',
        '32000',
        '32411',
        '32768',
        '32769',
        '53/udp',
        '9000/sctp',
        '9001/sctp',
      ];
      await lab.during([nearOut(1, ...egress)], async () => {
        const verdicts = Object.values(
          await lab.verdicts(...ports.map((port) => `default/near > default/web:${port}`)),
        );
        expect(ports.filter((_port, index) => verdicts[index] === 'allowed')).toEqual([
          '80',
          '81',
          '32000',
          '32411',
          '32768',
          '9000/sctp',
        ]);
        expect(Object.values(await lab.verdicts('default/near > default/far:8080'))).toEqual(['allowed']);
      });
    });

    it('[I12] a wide network that is denied first is not opened by a narrow one behind it', async () => {
      const deny = { action: 'Deny', to: [{ networks: ['10.244.0.0/16', 'fd44::/16'] }] };
      const accept = { action: 'Accept', to: [{ networks: ['10.244.2.0/24', 'fd44:2::/64'] }] };
      const asked = ['default/near > default/far:8080', 'default/near > default/web:80'];
      const verdicts = async () => Object.values(await lab.verdicts(...asked));
      await lab.during([nearOut(1, deny), nearOut(2, accept)], async () =>
        expect(await verdicts()).toEqual(['blocked', 'blocked']),
      );
      await lab.during([nearOut(1, accept), nearOut(2, deny)], async () =>
        expect(await verdicts()).toEqual(['allowed', 'blocked']),
      );
    });
  });
});
