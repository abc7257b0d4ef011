/**
 * An egress-isolated pod at every kind of Service address: packets on both backends and the trace say the same, on this node
 * and across nodes, in both families.
 */
import { describe, expect, it } from 'vitest';
import type { Question } from './lab-cluster.ts';
import { ingress, type Manifest, node, pod, service } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { networkPolicy } from './policy-manifests.ts';
import { tracedVerdicts } from './traced.ts';

const PORTS = [
  { containerPort: 8080, name: 'http' },
  { containerPort: 5353, protocol: 'UDP' as const, name: 'dns' },
  { containerPort: 9000, protocol: 'SCTP' as const },
];
const WEB = [
  { name: 'http', port: 80, targetPort: 'http', nodePort: 30080 },
  { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP', nodePort: 30053 },
  { name: 'sctp', port: 9000, protocol: 'SCTP', nodePort: 30090 },
];
const both = (name: string, onNode: string, labels: Readonly<Record<string, string>>) =>
  pod(name, { node: onNode, labels: { app: name, ...labels }, ports: PORTS });
const CLUSTER: readonly Manifest[] = [
  node('one'),
  node('two'),
  both('asker', 'one', {}),
  both('near', 'one', { tier: 'web' }),
  both('far', 'two', { tier: 'web' }),
  both('stranger', 'two', {}),
  pod('ported', { node: 'one', ports: [{ containerPort: 8080, hostPort: 9080 }] }),
  pod('ported-far', {
    node: 'two',
    labels: { app: 'ported' },
    ports: [{ containerPort: 8080, hostPort: 9081 }],
  }),
  service(
    'web',
    {
      type: 'LoadBalancer',
      selector: { tier: 'web' },
      ports: WEB,
      externalIPs: ['198.51.100.7', '2001:db8:e::7'],
    },
    { status: ingress('198.51.100.20', '2001:db8:e::20') },
  ),
  service('affine', { selector: { tier: 'web' }, sessionAffinity: 'ClientIP' }),
  service('here', { selector: { app: 'near' }, internalTrafficPolicy: 'Local' }),
  service('elsewhere', { selector: { app: 'far' }, internalTrafficPolicy: 'Local' }),
  service('outside', {
    type: 'NodePort',
    selector: { app: 'far' },
    externalTrafficPolicy: 'Local',
    ports: [{ port: 80, targetPort: 8080, nodePort: 30070 }],
  }),
  service('asker'),
  service('stranger'),
  service('nobody'),
  // Its name stands for its pods' own addresses: asked below as the pods themselves.
  service('headless', { clusterIP: 'None', selector: { tier: 'web' } }),
];

const targets: readonly Omit<Question, 'from' | 'family'>[] = [
  ...[
    { port: 'http' },
    { port: 'dns', protocol: 'udp' as const },
    { port: 'sctp', protocol: 'sctp' as const },
  ].map((each) => ({ to: 'svc:default/web', ...each })),
  ...['affine', 'here', 'elsewhere', 'outside', 'asker', 'stranger', 'nobody'].map((name) => ({
    to: `svc:default/${name}`,
  })),
  ...['one', 'two'].flatMap((at) => [
    { to: `nodeport:${at}:30080` },
    { to: `nodeport:${at}:30053`, protocol: 'udp' as const },
    { to: `nodeport:${at}:30090`, protocol: 'sctp' as const },
    { to: `nodeport:${at}:30070` },
  ]),
  // Host ports, where a pod has them.
  { to: 'nodeport:one:9080' },
  { to: 'nodeport:two:9081' },
  // A port that the Service does not have, and the pods themselves.
  { to: 'svc:default/web', port: 81 },
  ...['near', 'far', 'stranger', 'ported', 'ported-far'].map((name) => ({
    to: `default/${name}`,
    port: 8080,
  })),
];
const at = (family: 4 | 6, to: string, port: number): Question => ({
  from: 'default/asker',
  to,
  port,
  family,
});
const QUESTIONS: readonly Question[] = [
  ...targets.flatMap((target) =>
    ([4, 6] as const).map((family) => ({ from: 'default/asker', family, ...target })),
  ),
  ...['198.51.100.7', '198.51.100.20', '10.96.200.200'].map((to) => at(4, to, 80)),
  ...['2001:db8:e::7', '2001:db8:e::20', 'fd96::c8c8'].map((to) => at(6, to, 80)),
  at(4, '198.51.100.20', 81),
];

const TO_WEB = networkPolicy('asker', {
  egress: [
    { to: [{ podSelector: { matchLabels: { tier: 'web' } } }] },
    { to: [{ podSelector: { matchLabels: { app: 'ported' } } }], ports: [{ port: 8080 }] },
  ],
});
const TO_FRONTENDS = networkPolicy('asker', {
  egress: [
    {
      to: ['10.96.0.0/16', '198.51.100.0/24', 'fd96::/112', '2001:db8:e::/64'].map((cidr) => ({
        ipBlock: { cidr },
      })),
    },
  ],
});
const TO_NODES = networkPolicy('asker', {
  egress: [{ to: ['172.31.0.0/24', 'fd31::/64'].map((cidr) => ({ ipBlock: { cidr } })) }],
});
const ONLY_FAR = networkPolicy('asker', {
  egress: [{ to: [{ podSelector: { matchLabels: { app: 'far' } } }], ports: [{ port: 'http' }] }],
});

describe.each(POLICY_BACKENDS)('Service addresses under policies on %s', (backend) => {
  // What a socket chose is no packet to a Service any more.
  const lab = usePolicyLab(backend, CLUSTER, ['--services-backend=nft']);
  const keyOf = ({ to, port, protocol = 'tcp', family }: Question) =>
    `${to}${port === undefined ? '' : `:${port}`}/${protocol} IPv${family}`;
  /** What packets came to, by question; the trace must say the same. */
  const outcomes = async (policy: Manifest) =>
    lab.during([policy], async () => {
      const lines = await lab.probe(...QUESTIONS);
      const traced = tracedVerdicts([...CLUSTER, policy], QUESTIONS);
      const wrong = QUESTIONS.flatMap((question, index) => {
        const real = lines[index]?.verdict;
        return real === traced[index] ? [] : [{ question: keyOf(question), real, traced: traced[index] }];
      });
      expect(wrong).toEqual([]);
      return new Map(QUESTIONS.map((question, index) => [keyOf(question), lines[index]]));
    });
  const verdictsTo = (lines: Awaited<ReturnType<typeof outcomes>>, part: string) =>
    new Set([...lines].filter(([key]) => key.includes(part)).map(([, line]) => line?.verdict));

  it('[C15] [A1] [A18] [A25] allowed are those whose pods are, in every way to them', async () => {
    const lines = await outcomes(TO_WEB);
    for (const open of [
      'svc:default/web:http',
      'web:dns',
      'web:sctp',
      'affine',
      'default/here',
      'outside',
      '30080',
      '30053',
      '30090',
      'one:30070',
      'one:9080',
      'default/near:8080',
      'default/far:8080',
      'default/ported-far:8080',
      '198.51.100.7:',
      'e::20:80',
      'default/asker',
    ])
      expect([open, verdictsTo(lines, open)]).toEqual([open, new Set(['allowed'])]);
    for (const closed of [
      'default/elsewhere',
      // It is translated there: what leaves is for the node.
      'two:30070',
      'two:9081',
      'svc:default/stranger',
      '10.96.200.200',
      'fd96::c8c8',
      '198.51.100.20:81',
    ])
      expect([closed, verdictsTo(lines, closed)]).toEqual([closed, new Set(['blocked'])]);
    for (const refused of ['nobody', 'svc:default/web:81'])
      expect([refused, verdictsTo(lines, refused)]).toEqual([refused, new Set(['refused'])]);
  });

  it('[C15] blocks around Service addresses open nothing but the pod itself', async () => {
    const lines = await outcomes(TO_FRONTENDS);
    const allowed = [...lines].filter(([, line]) => line?.verdict === 'allowed').map(([key]) => key);
    expect(allowed).toEqual([4, 6].map((family) => `svc:default/asker/tcp IPv${family}`));
    expect(verdictsTo(lines, 'nobody')).toEqual(new Set(['refused']));
  });

  it('[C15] [C13] what another node translates is judged as that node: its host ports, and node ports of policy Local', async () => {
    const lines = await outcomes(TO_NODES);
    for (const open of ['two:30070', 'two:9081'])
      expect([open, verdictsTo(lines, open)]).toEqual([open, new Set(['allowed'])]);
    for (const closed of [
      'one:9080',
      'one:30080',
      'two:30080',
      'default/far:8080',
      'default/ported-far:8080',
    ])
      expect([closed, verdictsTo(lines, closed)]).toEqual([closed, new Set(['blocked'])]);
  });

  it('[C15] [C9] of several backends just those that are allowed answer, by the port of the pod', () =>
    lab.during([ONLY_FAR], async () => {
      const asked = { from: 'default/asker', to: 'svc:default/web', port: 'http', family: 4 as const };
      const lines = await lab.repeat(24, asked);
      const said = new Set(lines.map(({ verdict, answeredBy }) => answeredBy ?? verdict));
      expect(said).toEqual(new Set(['default/far', 'blocked']));
      const dns = { ...asked, port: 'dns', protocol: 'udp' as const };
      expect(new Set((await lab.repeat(8, dns)).map(({ verdict }) => verdict))).toEqual(new Set(['blocked']));
    }));

  it('[C15] [A36] affinity keeps the backend', () =>
    lab.during([TO_WEB], async () => {
      for (const family of [4, 6] as const) {
        const lines = await lab.repeat(20, { from: 'default/asker', to: 'svc:default/affine', family });
        const [first, ...others] = new Set(lines.map(({ answeredBy }) => answeredBy));
        expect(['default/near', 'default/far']).toContain(first);
        expect(others).toEqual([]);
      }
    }));
});
