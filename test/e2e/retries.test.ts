/** Connections whose backend does not answer: nobody has told the API yet that it is dead. */
import { afterEach, describe, expect, it } from 'vitest';
import { startConversation } from './conversation.ts';
import { useLab } from './lab-cluster.ts';
import { client, ingress, node, pod, service } from './manifests.ts';
import { answering } from './patient-clients.ts';

/** Services by how many of the pods are behind them. */
const CROWDS = [2, 3, 10] as const;
const CLIENTS = 12;
const FRONTENDS = Object.fromEntries(
  CROWDS.map((count) => [count, { IPv4: `203.0.113.${count}`, IPv6: `2001:db8:a::${count}` }]),
);
const STICKY = { IPv4: '203.0.113.77', IPv6: '2001:db8:a::77' };
const UNEVEN = { IPv4: '203.0.113.80', IPv6: '2001:db8:a::80' };
const ALONE = { IPv4: '203.0.113.78', IPv6: '2001:db8:a::78' };
const PATIENT = { IPv4: '203.0.113.79', IPv6: '2001:db8:a::79' };
const FAMILIES = ['IPv4', 'IPv6'] as const;

/** What comes to the server is lost; by its sequence number a packet is known again. */
const DEAF = `
  add table inet deaf
  add counter inet deaf first
  add counter inet deaf again
  add set inet deaf seen { typeof tcp sequence; flags dynamic; size 999; }
  add chain inet deaf in { type filter hook input priority 0; }
  add rule inet deaf in tcp dport 8080 tcp sequence @seen counter name again drop
  add rule inet deaf in tcp dport 8080 add @seen { tcp sequence } counter name first drop
`;

const PODS = Array.from({ length: 10 }, (_, index) =>
  pod(`pod-${index}`, {
    node: index % 2 === 0 ? 'one' : 'two',
    labels: Object.fromEntries(
      [1, ...CROWDS].filter((count) => index < count).map((count) => [`of-${count}`, 'yes']),
    ),
  }),
);

const HEAVY = pod('heavy', {
  node: 'one',
  labels: { 'of-uneven': 'yes' },
  metadata: { annotations: { 'weir.dev/weight': '99' } },
});
const LIGHT = pod('light', { node: 'two', labels: { 'of-uneven': 'yes' } });

function balanced(
  name: string,
  of: number | 'uneven',
  addresses: Readonly<Record<string, string>>,
  spec: object = {},
) {
  return service(
    name,
    { type: 'LoadBalancer', selector: { [`of-${of}`]: 'yes' }, ...spec },
    { status: ingress(...Object.values(addresses)) },
  );
}

describe.each(['bpf', 'nft'] as const)('unanswered connections, beside policies by %s', (policyBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      ...PODS,
      HEAVY,
      LIGHT,
      ...CROWDS.map((count) => balanced(`of-${count}`, count, FRONTENDS[count] ?? {})),
      balanced('sticky', 2, STICKY, { sessionAffinity: 'ClientIP' }),
      balanced('alone', 1, ALONE),
      balanced('uneven', 'uneven', UNEVEN),
      {
        ...balanced('patient', 2, PATIENT),
        metadata: { name: 'patient', namespace: 'default', annotations: { 'weir.dev/retry': 'off' } },
      },
    ],
    { servicesBackend: 'nft', agentArguments: [`--policy-backend=${policyBackend}`] },
  );
  const nft = (who: string, text: string) => lab.inside(who, 'nft', text);
  const deaf = new Set<string>();

  /** What comes for the pod's server is lost, as if its machine had gone. */
  async function deafen(name: string): Promise<void> {
    deaf.add(name);
    await nft(`default/${name}`, DEAF);
  }
  const lost = async (name: string, which: 'first' | 'again' = 'first') => {
    const listing = await nft(`default/${name}`, `list counter inet deaf ${which}`);
    return Number(/packets (\d+)/.exec(listing)?.[1]);
  };

  afterEach(async () => {
    for (const name of deaf) await nft(`default/${name}`, 'delete table inet deaf');
    deaf.clear();
  });

  describe.each(CROWDS)('one of %s backends is dead', (count) => {
    it.each(['external', 'default/asker', 'node/one'])('[F4] %s reaches another one', async (who) => {
      await deafen('pod-1');
      for (const family of FAMILIES) {
        const address = FRONTENDS[count]?.[family] ?? '';
        const answers = await answering(lab, who, { address, port: 80, count: CLIENTS });
        expect(answers).not.toContain(null);
        expect(answers).not.toContain('pod-1');
      }
      // Among two, no luck avoids it twelve times.
      if (count === 2) expect(await lost('pod-1')).toBeGreaterThan(0);
    });
  });

  it.each(FAMILIES)('[F4] each goes elsewhere at its second attempt (%s)', async (family) => {
    await deafen('pod-1');
    const address = FRONTENDS[2]?.[family] ?? '';
    const answers = await answering(lab, 'external', { address, port: 80, count: 24 });
    expect(answers).toEqual(answers.map(() => 'pod-0'));
    expect(await lost('pod-1', 'again')).toBe(0);
  });

  it.each(FAMILIES)('[F4] [F8] however little weight the other one has (%s)', async (family) => {
    await deafen('heavy');
    const answers = await answering(lab, 'external', { address: UNEVEN[family], port: 80, count: 8 });
    expect(answers).toEqual(answers.map(() => 'light'));
    expect(await lost('heavy')).toBeGreaterThan(0);
  });

  it.each(FAMILIES)(
    '[F4] a client that affinity binds to it gets another, and keeps that (%s)',
    async (family) => {
      const target = { address: STICKY[family], port: 80, count: 1 };
      const [bound = ''] = await answering(lab, 'external', target);
      const other = bound === 'pod-0' ? 'pod-1' : 'pod-0';
      await deafen(bound ?? '');
      expect(await answering(lab, 'external', target)).toEqual([other]);
      const before = await lost(bound ?? '');
      expect(before).toBeGreaterThan(0);
      expect(await answering(lab, 'external', target)).toEqual([other]);
      expect(await lost(bound ?? '')).toBe(before);
    },
  );

  it('[F4] one that was answered stays where it is, however long it is silent', async () => {
    const conversation = startConversation(lab, 'external', {
      address: FRONTENDS[2]?.IPv4 ?? '',
      port: 80,
    });
    expect(await conversation.talk()).toBe('answered');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await conversation.talk()).toBe('answered');
    conversation.end();
  });

  it('[F4] a Service may ask for none: then each waits for the backend it was given', async () => {
    await deafen('pod-1');
    const target = { address: PATIENT.IPv4, port: 80, count: CLIENTS };
    const answers = await answering(lab, 'external', target, 2500);
    expect(new Set(answers)).toEqual(new Set(['pod-0', null]));
    expect(await lost('pod-1', 'again')).toBeGreaterThan(0);
  });

  it('[F4] the only backend is waited for', async () => {
    await deafen('pod-0');
    const waiting = answering(lab, 'external', { address: ALONE.IPv4, port: 80, count: 2 });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await nft('default/pod-0', 'flush chain inet deaf in');
    expect(await waiting).toEqual(['pod-0', 'pod-0']);
  });
});
