import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import { extension, type IpFields, ip, joined, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({}, { flows: 1000 });
});
afterAll(() => node.close());
beforeEach(async () => {
  const verdicts = deniedBut(
    { direction: 'ingress', peer: 'friend', protocol: 'UDP', port: 80, verdict: 'allow' },
    { direction: 'ingress', peer: 'friend', protocol: 'TCP', port: 80, verdict: 'allow' },
  );
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
  await node.forget();
});

let lastId = 0;

describe.each(FAMILIES)('%s fragments', (family) => {
  const [pod, friend, stranger] = [
    family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1],
    FRIEND[family],
    STRANGER[family],
  ] as const;
  const piece = (
    id: number,
    offset: number,
    more: boolean,
    payload: Uint8Array,
    fields: IpFields & { readonly from?: typeof friend } = {},
  ) => ip(fields.from ?? friend, pod, UDP, payload, { ...fields, fragment: { id, offset, more } });
  const data = (bytes: number) => new Uint8Array(bytes);

  it('[C21] follow their first, in any order after it', async () => {
    const id = ++lastId;
    await expect(node.toPod(piece(id, 0, true, udp(4000, 80, 1472)))).resolves.toBe('pass');
    await expect(node.toPod(piece(id, 2960, false, data(100)))).resolves.toBe('pass');
    await expect(node.toPod(piece(id, 1480, true, data(1480)))).resolves.toBe('pass');
    await expect(node.drops()).resolves.toEqual({});
  });

  it('[C21, I19] are dropped when the first was, or was never seen', async () => {
    const id = ++lastId;
    await expect(node.toPod(piece(id, 1480, true, data(1480)))).resolves.toBe('drop');
    await expect(node.toPod(piece(id, 0, true, udp(4000, 81, 1472)))).resolves.toBe('drop');
    await expect(node.toPod(piece(id, 1480, true, data(1480)))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'unknown-fragment': 2, policy: 1 });
  });

  it('[I19] of somebody else are not those of an allowed packet', async () => {
    const id = ++lastId;
    await expect(node.toPod(piece(id, 0, true, udp(4000, 80, 1472)))).resolves.toBe('pass');
    await expect(node.toPod(piece(id + 1000, 1480, true, data(1480)))).resolves.toBe('drop');
    await expect(node.toPod(piece(id, 1480, true, data(1480), { from: stranger }))).resolves.toBe('drop');
  });

  it('[I19] may not overlap the first, which says the ports', async () => {
    const id = ++lastId;
    await expect(node.toPod(piece(id, 0, true, udp(4000, 80, 24)))).resolves.toBe('pass');
    await expect(node.toPod(piece(id, 8, true, data(64)))).resolves.toBe('drop');
    await expect(node.toPod(piece(id, 32, false, data(64)))).resolves.toBe('pass');
    await expect(node.drops()).resolves.toEqual({ 'overlapping-fragment': 1 });
  });

  it('[I19] that come first must hold the whole transport header', async () => {
    const id = ++lastId;
    const tiny = (payload: Uint8Array) =>
      ip(friend, pod, TCP, payload, { fragment: { id, offset: 0, more: true } });
    await expect(node.toPod(tiny(tcp(4000, 80, SYN).subarray(0, 8)))).resolves.toBe('drop');
    await expect(node.toPod(tiny(tcp(4000, 80, SYN).subarray(0, 16)))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'tiny-fragment': 2 });
    await expect(node.toPod(tiny(joined(tcp(4000, 80, SYN), data(4))))).resolves.toBe('pass');
  });

  it('[C18] are cut when the rows change between them', async () => {
    const id = ++lastId;
    await expect(node.toPod(piece(id, 0, true, udp(4000, 80, 1472)))).resolves.toBe('pass');
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut()), interfaceOf());
    await expect(node.toPod(piece(id, 1480, true, data(1480)))).resolves.toBe('drop');
  });
});

describe('IPv6 extension headers', () => {
  const [pod, friend] = [POD_ADDRESSES[1], FRIEND.IPv6];
  const sent = (extensions: IpFields['extensions'], port = 80) =>
    node.toPod(ip(friend, pod, UDP, udp(4000, port), { extensions: extensions ?? [] }));
  const many = (count: number) => Array.from({ length: count }, () => extension(60));

  it('[I19] are walked to the ports, wherever these are', async () => {
    await expect(sent([extension(0), extension(60, 3), extension(43)])).resolves.toBe('pass');
    await expect(sent([extension(0), extension(60, 3), extension(43)], 81)).resolves.toBe('drop');
    await expect(sent(many(8))).resolves.toBe('pass');
    await expect(sent(many(8), 81)).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ policy: 2 });
  });

  it('[I19] are dropped when there are more than are walked, or they name further destinations', async () => {
    await expect(sent(many(9))).resolves.toBe('drop');
    const routing = extension(43);
    routing.rest[2] = 1;
    await expect(sent([routing])).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'header-chain': 1, 'source-route': 1 });
  });

  it('[I19] may not hide the ports behind the first fragment', async () => {
    const fragment = { id: ++lastId, offset: 0, more: true };
    const rest = joined(Uint8Array.of(UDP, 5), new Uint8Array(6));
    await expect(node.toPod(ip(friend, pod, 60, rest, { fragment }))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'tiny-fragment': 1 });
  });
});

describe('IPv4 options', () => {
  const [pod, friend] = [POD_ADDRESSES[0], FRIEND.IPv4];
  const sent = (options: readonly number[], port = 80) =>
    node.toPod(ip(friend, pod, UDP, udp(4000, port), { options: Uint8Array.from(options) }));

  it('[I19] do not hide the ports, nor name further destinations', async () => {
    await expect(sent([1, 1, 1, 0])).resolves.toBe('pass');
    await expect(sent([148, 4, 0, 0], 81)).resolves.toBe('drop');
    await expect(sent([1, 131, 7, 4, 10, 0, 0, 1])).resolves.toBe('drop');
    await expect(sent([137, 3, 4, 0])).resolves.toBe('drop');
    await expect(sent([7, 40, 0, 0])).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ policy: 1, 'source-route': 2, malformed: 1 });
  });
});
