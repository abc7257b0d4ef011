/** What would slip past a translation: fragments that rewrite what was translated, and Services that found no room. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import { checked, endsOf } from './checksums.ts';
import { address, ip, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { OWN, serviceOf, serviceRows, VIP } from './service-node.ts';

/** By a reset: it goes back where it came from. */
const ANSWERED = 'redirect';
const LATER_VIP = { IPv4: address('10.96.0.12'), IPv6: address('fd96::12') } as const;

let node: PolicyNode;

async function open(maxEntries: Readonly<Record<string, number>>): Promise<PolicyNode> {
  const opened = await createPolicyNode({}, { flows: 1000, ...maxEntries });
  const allowed = (['TCP', 'UDP'] as const).map((protocol) => {
    return { direction: 'egress', peer: 'friend', protocol, port: 8080, verdict: 'allow' } as const;
  });
  await opened.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut(...allowed)), interfaceOf());
  return opened;
}

describe.each(FAMILIES)('%s fragments of a translated datagram', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, vip] = [FRIEND[family], VIP[family]];
  beforeAll(async () => {
    node = await open({});
    const words = { family, protocol: 'UDP', backends: [[friend, 8080]] } as const;
    // The second leads to a port that the policy denies.
    await node.services.sync(
      serviceRows([
        serviceOf({ ...words, name: 'web', at: vip, port: 80 }),
        serviceOf({ ...words, name: 'admin', at: vip, port: 81, backends: [[friend, 9090]] }),
      ]),
      OWN,
    );
  });
  afterAll(() => node.close());

  let lastId = 0;
  const asked = async (id: number, offset: number, payload: Uint8Array) => {
    const fragment = { id, offset, more: true };
    const { verdict, packet } = await node.send('fromPod', checked(ip(pod, vip, UDP, payload, { fragment })));
    return verdict === 'pass' ? endsOf(packet).destination : verdict;
  };
  const answered = async (id: number, offset: number, payload: Uint8Array) => {
    const fragment = { id, offset, more: true };
    const { verdict, packet } = await node.send(
      'toPod',
      checked(ip(friend, pod, UDP, payload, { fragment })),
    );
    return verdict === 'pass' ? endsOf(packet).source : verdict;
  };

  it('[C21] [I19] may not overlap the first, whose ports and checksum were changed, either way', async () => {
    const id = ++lastId;
    await expect(asked(id, 0, udp(4000, 80, 24))).resolves.toBe(friend);
    await node.drops();
    await expect(asked(id, 8, new Uint8Array(64))).resolves.toBe('drop');
    await expect(asked(id, 24, new Uint8Array(8))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'overlapping-fragment': 2 });
    await expect(asked(id, 32, new Uint8Array(64))).resolves.toBe(friend);
    await expect(answered(id, 0, udp(8080, 4000, 24))).resolves.toBe(vip);
    await expect(answered(id, 8, new Uint8Array(64))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'overlapping-fragment': 1 });
    await expect(answered(id, 32, new Uint8Array(64))).resolves.toBe(vip);
  });

  it('[I19] another first one is judged by itself, and changes nothing of those behind', async () => {
    const id = ++lastId;
    await expect(asked(id, 0, udp(4001, 80, 24))).resolves.toBe(friend);
    await expect(asked(id, 0, udp(4001, 81, 24))).resolves.toBe('drop');
    await expect(asked(id, 32, new Uint8Array(8))).resolves.toBe(friend);
    const refused = ++lastId;
    await expect(asked(refused, 0, udp(4001, 81, 24))).resolves.toBe('drop');
    await expect(asked(refused, 32, new Uint8Array(8))).resolves.toBe('drop');
  });
});

describe.each(FAMILIES)('%s Services that find no room', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const friend = FRIEND[family];
  const words = { family, port: 80, backends: [[friend, 8080]] } as const;
  const first = serviceOf({ ...words, name: 'web', at: VIP[family] });
  const second = serviceOf({ ...words, name: 'late', at: LATER_VIP[family] });
  beforeAll(async () => {
    node = await open({ frontends: 1 });
  });
  afterAll(() => node.close());
  const opened = async (to: typeof friend, from: number) => {
    const run = await node.send('fromPod', checked(ip(pod, to, TCP, tcp(from, 80, SYN))));
    return run.verdict === 'pass' ? endsOf(run.packet).destination : run.verdict;
  };

  it('[H7] [H14] [C15] are refused, not passed on as they are, and others go on; with room they open', async () => {
    await node.services.sync(serviceRows([first]), OWN);
    await expect(node.services.sync(serviceRows([first, second]), OWN)).resolves.toMatchObject({
      unprogrammed: [second.id],
    });
    await expect(opened(VIP[family], 4000)).resolves.toBe(friend);
    await expect(opened(LATER_VIP[family], 4001)).resolves.toBe(ANSWERED);
    await expect(node.services.sync(serviceRows([second]), OWN)).resolves.toMatchObject({ unprogrammed: [] });
    await expect(opened(LATER_VIP[family], 4002)).resolves.toBe(friend);
  });
});
