import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { unmappedAddress as addressOf } from '../../src/dataplane/bpf/mapped-address.ts';
import { type Address, FAMILIES } from '../../src/model/address.ts';
import { checked, endsOf, wrongChecksums } from './checksums.ts';
import { ACK, ip, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from './policy-rows.ts';
import { OWN, serviceOf, serviceRows, VIP } from './service-node.ts';

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({ answerDenied: 1 }, { flows: 1000 });
  const verdicts = deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' });
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
});
afterAll(() => node.close());
beforeEach(() => node.forget());

describe.each(FAMILIES)('%s', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, stranger, vip] = [FRIEND[family], STRANGER[family], VIP[family]];

  const serving = (...backends: readonly (readonly [typeof friend, number])[]) =>
    node.services.sync(
      serviceRows([
        serviceOf({ name: 'web', family, at: vip, port: 80, backends }),
        serviceOf({ name: 'dns', family, protocol: 'UDP', at: vip, port: 53, backends }),
      ]),
      OWN,
    );

  it.each([
    ['TCP', TCP, 80, (from: number, to: number, flags: number) => tcp(from, to, flags, 33)],
    ['UDP', UDP, 53, (from: number, to: number) => udp(from, to, 33)],
  ] as const)(
    '[C15, A1] %s to a Service goes to its backend, and replies come from the Service',
    async (_, protocol, port, make) => {
      await serving([friend, 8080]);
      const opened = await node.send('fromPod', checked(ip(pod, vip, protocol, make(4000, port, SYN))));
      expect(opened.verdict).toBe('pass');
      expect(endsOf(opened.packet)).toEqual({
        source: pod,
        destination: friend,
        sourcePort: 4000,
        destinationPort: 8080,
      });
      expect(wrongChecksums(opened.packet)).toEqual([]);
      const reply = await node.send('toPod', checked(ip(friend, pod, protocol, make(8080, 4000, SYN | ACK))));
      expect(reply.verdict).toBe('pass');
      expect(endsOf(reply.packet)).toEqual({
        source: vip,
        destination: pod,
        sourcePort: port,
        destinationPort: 4000,
      });
      expect(wrongChecksums(reply.packet)).toEqual([]);
      const next = await node.send('fromPod', checked(ip(pod, vip, protocol, make(4000, port, ACK))));
      expect(endsOf(next.packet).destination).toBe(friend);
      expect(wrongChecksums(next.packet)).toEqual([]);
    },
  );

  it('[C15] goes nowhere if the backend is not allowed, whatever the address says', async () => {
    await serving([stranger, 8080]);
    const denied = await node.send('fromPod', checked(ip(pod, vip, UDP, udp(4000, 53))));
    expect(denied.verdict).toBe('redirect');
    const [event] = await node.events();
    expect(event).toMatchObject({ kind: 'drop', reason: 'policy', peerPort: 8080 });
  });

  it('[C30] each event names what was dialled beside where that leads', async () => {
    const judged = (words: Pick<VerdictWords, 'verdict' | 'auditRule'>) => {
      const verdicts = deniedBut({ direction: 'egress', peer: 'friend', ...words });
      return node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
    };
    const told = async () =>
      (await node.events()).map(({ kind, peer, peerPort, dialled, dialledPort }) => ({
        kind,
        peer: addressOf(peer),
        peerPort,
        dialled: addressOf(dialled),
        dialledPort,
      }));
    const dial = (from: number, to: Address = vip, port = 80) =>
      node.send('fromPod', checked(ip(pod, to, TCP, tcp(from, port, SYN, 33))));
    const led = { peer: friend, peerPort: 8080, dialled: vip, dialledPort: 80 };
    await serving([friend, 8080]);
    try {
      await dial(4001);
      await judged({ verdict: 'allow', auditRule: 'audited' });
      await dial(4002);
      await judged({ verdict: 'deny' });
      await dial(4003);
      // Its reply is what tells of this one.
      await node.send('toPod', checked(ip(friend, pod, TCP, tcp(8080, 4001, SYN | ACK))));
      await dial(4002);
    } finally {
      await judged({ verdict: 'allow' });
    }
    expect(await told()).toEqual(['allow', 'audit', 'drop', 'cut', 'cut'].map((kind) => ({ kind, ...led })));
    // What nobody translates names itself alone.
    await dial(4004, friend, 8080);
    await dial(4005, stranger, 8080);
    expect(await told()).toMatchObject([
      { kind: 'allow', peer: friend, dialled: '::', dialledPort: 0 },
      { kind: 'drop', peer: stranger, dialled: '::', dialledPort: 0 },
    ]);
  });
});
