/** Changes while packets come: none meets the rows of two states at once, and no pod inherits what another was allowed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOnPackets } from '../../src/kernel/bpf-program.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { PolicyRows } from '../../src/model/policy-rows.ts';
import { ACK, address, frameOf, ip, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, POD, POD_ADDRESSES } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';

const FLIPS = 1000;
const [pod, pod6] = POD_ADDRESSES;
const STRANGER = address('10.244.2.7');

let node: PolicyNode;
beforeAll(async () => {
  node = await createPolicyNode();
});
afterAll(() => node.close());

/** The friend is labelled one way, and the policy lets in what is labelled the other way. */
function state(label: string, allowed: string): PolicyRows {
  const peers = { [`${FRIEND.IPv4}/32`]: label, [`${FRIEND.IPv6}/128`]: label };
  return rowsOf(
    POD,
    POD_ADDRESSES,
    peers,
    deniedBut({ direction: 'ingress', peer: allowed, verdict: 'allow' }),
  );
}

describe('a thousand changes of labels and policy', () => {
  it('[C18] [I15] [I16] let no packet through that both states deny', async () => {
    const states = [state('red', 'blue'), state('blue', 'red')] as const;
    await node.dataplane.sync(states[0], interfaceOf());
    let flipping = true;
    const frames = [
      ...Array.from({ length: 40 }, (_, port) => ip(FRIEND.IPv4, pod, TCP, tcp(1000 + port, 80, SYN))),
      ...Array.from({ length: 40 }, (_, port) => ip(FRIEND.IPv6, pod6, UDP, udp(1000 + port, 80))),
    ].map(frameOf);
    const place = { interfaceIndex: POD_INTERFACE, ingressInterface: 7 };
    const verdicts = new Set<string>();
    let rounds = 0;
    const traffic = (async () => {
      while (flipping) {
        for (const verdict of await runOnPackets(node.programs.toPod, frames, place)) verdicts.add(verdict);
        rounds += 1;
      }
    })();
    for (let flip = 1; flip <= FLIPS; flip++) {
      await node.dataplane.apply({ rows: states[flip % 2 === 0 ? 0 : 1] });
      if (flip % 10 === 0) await node.dataplane.collect();
    }
    flipping = false;
    await traffic;
    expect([...verdicts]).toEqual(['drop']);
    expect(rounds).toBeGreaterThan(100);
    await node.dataplane.apply({ rows: state('red', 'red') });
    expect(await node.toPod(ip(FRIEND.IPv4, pod, UDP, udp(1, 80)))).toBe('pass');
  });
});

describe('a pod at the interface and address of one that is gone', () => {
  const FRIENDS = { [`${FRIEND.IPv4}/32`]: 'friend', [`${STRANGER}/32`]: null };
  const open = deniedBut(
    { direction: 'ingress', peer: 'friend', verdict: 'allow' },
    { direction: 'egress', peer: 'friend', verdict: 'allow' },
  );

  it('[C19] [I24] inherits neither its flows nor its verdicts', async () => {
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, FRIENDS, open), interfaceOf());
    const there = (flags: number) => node.toPod(ip(FRIEND.IPv4, pod, TCP, tcp(5000, 80, flags)));
    const back = (flags: number) => node.fromPod(ip(pod, FRIEND.IPv4, TCP, tcp(80, 5000, flags)));
    expect([await there(SYN), await back(SYN | ACK), await there(ACK)]).toEqual(['pass', 'pass', 'pass']);
    expect(await node.fromPod(ip(pod, FRIEND.IPv4, UDP, udp(53, 6000)))).toBe('pass');
    const successor = 'shop/other' as ObjectName;
    const attached = interfaceOf().get(POD);
    if (attached === undefined) throw new Error('no interface');
    const rows = rowsOf(successor, POD_ADDRESSES, FRIENDS, deniedBut());
    await node.dataplane.apply({
      rows: { ...rows, subjects: new Map([[POD, null], ...rows.subjects]) },
      interfaces: new Map([
        [POD, null],
        [successor, { ...attached, pod: successor }],
      ]),
    });
    expect([await there(ACK), await back(ACK)]).toEqual(['drop', 'drop']);
    expect(await node.fromPod(ip(pod, FRIEND.IPv4, UDP, udp(53, 6000)))).toBe('drop');
    expect(await node.toPod(ip(FRIEND.IPv4, pod, UDP, udp(6000, 53)))).toBe('drop');
  });
});
