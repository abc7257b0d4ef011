/** Endpoints that are the node itself: packets to them end on the way that others only pass. */
import { describe, expect, it } from 'vitest';
import { tally, useLab } from './lab-cluster.ts';
import { ingress, node, pod, service } from './manifests.ts';
import { answering } from './patient-clients.ts';

const STICKY = { IPv4: '203.0.113.81', IPv6: '2001:db8:b::81' };
const PLAIN = { IPv4: '203.0.113.82', IPv6: '2001:db8:b::82' };
const NODES = ['one', 'two'] as const;

describe('endpoints of the host network', () => {
  const balanced = (name: string, addresses: Readonly<Record<string, string>>, spec: object = {}) =>
    service(
      name,
      { type: 'LoadBalancer', selector: { role: 'daemon' }, ...spec },
      { status: ingress(...Object.values(addresses)) },
    );
  const lab = useLab(
    [
      ...NODES.map((name) => node(name)),
      ...NODES.map((name) =>
        pod(`daemon-${name}`, { node: name, hostNetwork: true, labels: { role: 'daemon' } }),
      ),
      balanced('sticky', STICKY, { sessionAffinity: 'ClientIP' }),
      balanced('plain', PLAIN),
    ],
    { servicesBackend: 'nft' },
  );

  it.each(NODES)('[A35] keep the client that affinity gives them, by way of node %s', async (name) => {
    for (const family of [4, 6] as const) {
      const to = STICKY[family === 4 ? 'IPv4' : 'IPv6'];
      const answers = await lab.repeat(16, { from: 'external', to, port: 80, node: name, family });
      expect([...tally(answers).values()]).toEqual([16]);
    }
  });

  it('[F4] lead a client to another one when they do not answer', async () => {
    // Behind all that the node looks at: as where the server's queue is full.
    const drop =
      'add table inet deaf; add chain inet deaf in { type filter hook input priority 200; }; ' +
      'add rule inet deaf in tcp dport 8080 drop;';
    await lab.inside('node/one', 'nft', drop);
    try {
      for (const address of Object.values(PLAIN)) {
        const answers = await answering(lab, 'external', { address, port: 80, count: 12 });
        expect(answers).toEqual(answers.map(() => 'daemon-two'));
      }
    } finally {
      await lab.inside('node/one', 'nft', 'delete table inet deaf');
    }
  });
});
