import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import { checked, endsOf } from './checksums.ts';
import { echo, ip, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { OWN, type ServiceWords, serviceOf, serviceRows, UNALLOCATED, VIP } from './service-node.ts';

const LONG_AGO = 1;

let node: PolicyNode;

async function judged(opened: PolicyNode): Promise<PolicyNode> {
  const verdicts = deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' });
  await opened.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
  return opened;
}

describe.each(FAMILIES)('%s', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, stranger, vip] = [FRIEND[family], STRANGER[family], VIP[family]];
  const serving = (words: Partial<ServiceWords> = {}) => {
    const service = { name: 'web', family, at: vip, port: 80, backends: [[friend, 8080]], ...words } as const;
    const protocols = ['TCP', 'UDP'] as const;
    const rows = serviceRows(
      protocols.map((protocol) => serviceOf({ ...service, protocol, name: protocol })),
    );
    return node.services.sync(rows, OWN);
  };
  const opened = async (port: number) => {
    const run = await node.send('fromPod', checked(ip(pod, vip, TCP, tcp(port, 80, SYN))));
    return run.verdict === 'pass' ? endsOf(run.packet).destination : run.verdict;
  };

  describe('where there is room for 11 entries', () => {
    beforeAll(async () => {
      node = await judged(await createPolicyNode({}, { flows: 11 }));
      await serving();
    });
    afterAll(() => node.close());

    it('[H13, C15] what can not be translated goes nowhere, and leaves nothing', async () => {
      for (let port = 1000; port < 1005; port++) await expect(opened(port)).resolves.toBe(friend);
      await expect(opened(2000)).resolves.toBe('drop');
      await expect(node.drops()).resolves.toEqual({ 'no-translation': 1 });
      expect(await node.tables.flows.entries()).toHaveLength(10);
      expect(await node.tables.usages.entries()).toEqual([[POD_INTERFACE, { flows: 10 }]]);
      await expect(opened(1000)).resolves.toBe(friend);
    });

    it('[H20, C24] both entries of a flow end together', async () => {
      const aged = (await node.tables.flows.entries()).filter(
        ([, { translation }]) => translation === 'to-service',
      );
      const [first, second] = aged;
      await node.tables.flows.set(
        [first, second].flatMap((entry) =>
          entry ? [[entry[0], { ...entry[1], lastSeen: LONG_AGO }] as const] : [],
        ),
      );
      await expect(node.sweep()).resolves.toBe(2);
      const left = await node.tables.flows.entries();
      expect(left.map(([, { translation }]) => translation).sort()).toEqual([
        ...Array.from({ length: 3 }, () => 'to-backend'),
        ...Array.from({ length: 3 }, () => 'to-service'),
      ]);
      expect(await node.tables.usages.entries()).toEqual([[POD_INTERFACE, { flows: 6 }]]);
      // One whose other went by somebody else's hand goes, too.
      const lost = left
        .flatMap(([key, { translation }]) => (translation === 'to-service' ? [key] : []))
        .slice(0, 1);
      await node.tables.flows.delete(lost);
      await expect(node.sweep()).resolves.toBe(1);
      expect(await node.tables.flows.entries()).toHaveLength(4);
    });
  });

  it('[I27, C15] a share of the table holds for both entries', async () => {
    node = await judged(await createPolicyNode({ flowsPerSubject: 5 }));
    await serving();
    for (const port of [1000, 1001]) await expect(opened(port)).resolves.toBe(friend);
    await expect(opened(1002)).resolves.toBe('drop');
    expect(await node.tables.usages.entries()).toEqual([[POD_INTERFACE, { flows: 4 }]]);
    node.close();
  });

  describe('a Service', () => {
    beforeAll(async () => {
      node = await judged(await createPolicyNode({}, { flows: 1000 }));
    });
    afterAll(() => node.close());
    beforeEach(() => node.forget());

    it('[A33] keeps a client where it was, as long as that may be', async () => {
      const backends = Array.from({ length: 10 }, (_, index) => [friend, 8000 + index] as const);
      await serving({ backends, affinitySeconds: 100 });
      const port = async (from: number) =>
        endsOf((await node.send('fromPod', checked(ip(pod, vip, UDP, udp(from, 80))))).packet)
          .destinationPort;
      const chosen = await port(1000);
      const others = await Promise.all(Array.from({ length: 20 }, (_, index) => port(1001 + index)));
      expect(new Set(others)).toEqual(new Set([chosen]));
      const remembered = await node.serviceTables.affinities.entries();
      await node.serviceTables.affinities.set(
        remembered.map(([key, used]) => [key, { ...used, lastUsed: 1 }]),
      );
      // The first alone: each of those that run at the same time would choose anew.
      const kept = await port(2000);
      const later = await Promise.all(Array.from({ length: 40 }, (_, index) => port(2001 + index)));
      expect(new Set(later)).toEqual(new Set([kept]));
      await serving({ backends: backends.filter(([, one]) => one !== kept), affinitySeconds: 100 });
      const gone = await Promise.all(Array.from({ length: 10 }, (_, index) => port(3000 + index)));
      expect(gone).not.toContain(kept);
    });

    it('[C15] whose backend is the address of a Service leads nowhere: nobody could be judged', async () => {
      await serving({ backends: [[vip, 80]] });
      await expect(opened(1000)).resolves.toBe('drop');
      await serving({ backends: [[UNALLOCATED[family], 80]] });
      await expect(opened(1001)).resolves.toBe('drop');
      await expect(node.drops()).resolves.toEqual({ 'no-endpoint': 2 });
    });

    it('[C15, H18] that denies or has nobody says why, with the backend where there is one', async () => {
      await serving({ backends: [[stranger, 8080]] });
      await expect(opened(1000)).resolves.toBe('drop');
      await serving({ inside: 'drop' });
      await expect(opened(1001)).resolves.toBe('drop');
      await serving({ inside: 'reject' });
      await expect(opened(1002)).resolves.toBe('redirect');
      await expect(node.send('fromPod', ip(pod, vip, TCP, tcp(1, 81, SYN)))).resolves.toMatchObject({
        verdict: 'redirect',
      });
      await expect(node.fromPod(ip(pod, UNALLOCATED[family], TCP, tcp(1, 80, SYN)))).resolves.toBe('drop');
      await expect(node.fromPod(echo(pod, UNALLOCATED[family], 'request', 1))).resolves.toBe('drop');
      await expect(node.drops()).resolves.toEqual({
        policy: 1,
        'no-endpoint': 2,
        'no-service-port': 1,
        'no-service': 2,
      });
      const events = await node.events();
      expect(events.map(({ reason, peerPort }) => [reason, peerPort]).slice(0, 2)).toEqual([
        ['policy', 8080],
        ['no-endpoint', 80],
      ]);
    });
  });
});
