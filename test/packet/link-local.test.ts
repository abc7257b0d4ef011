import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Address, addressBytes } from '../../src/model/address.ts';
import { address, etherFrame, frameOf, ICMPV6, icmp, ip, joined, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';

const LINK = address('fe80::5');
const ROUTER = address('fe80::1');
const ALL_NODES = address('ff02::1');
const UNSPECIFIED = address('::');
const POD6 = POD_ADDRESSES[1];

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode();
});
afterAll(() => node.close());
beforeEach(async () => {
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut()), interfaceOf());
  await node.forget();
});

function neighbour(
  type: number,
  source: Address,
  destination: Address,
  target: Address,
  hopLimit = 255,
): Uint8Array {
  const rest = joined(new Uint8Array(4), addressBytes(target));
  return ip(source, destination, ICMPV6, icmp(type, 0, rest), { hopLimit });
}

function arp(sender: Address): Uint8Array {
  const head = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 5);
  return etherFrame(0x0806, joined(head, addressBytes(sender), new Uint8Array(10)));
}

describe('the link', () => {
  it('[C1] neighbour discovery passes whatever the rows say', async () => {
    await expect(node.fromPod(neighbour(135, POD6, ALL_NODES, ROUTER))).resolves.toBe('pass');
    await expect(node.fromPod(neighbour(135, LINK, ALL_NODES, ROUTER))).resolves.toBe('pass');
    await expect(node.fromPod(neighbour(135, UNSPECIFIED, ALL_NODES, POD6))).resolves.toBe('pass');
    await expect(node.fromPod(neighbour(136, POD6, ROUTER, POD6))).resolves.toBe('pass');
    await expect(node.fromPod(neighbour(136, LINK, ROUTER, LINK))).resolves.toBe('pass');
    await expect(node.fromPod(neighbour(133, LINK, ALL_NODES, LINK))).resolves.toBe('pass');
    await expect(node.fromPod(neighbour(143, LINK, ALL_NODES, LINK, 1))).resolves.toBe('pass');
    for (const type of [134, 135, 136])
      await expect(node.toPod(neighbour(type, ROUTER, POD6, ROUTER))).resolves.toBe('pass');
  });

  it('[C1] what only looks like it, from further away, is judged', async () => {
    await expect(node.toPod(neighbour(136, STRANGER.IPv6, POD6, STRANGER.IPv6, 64))).resolves.toBe('drop');
    await expect(node.fromPod(neighbour(135, POD6, FRIEND.IPv6, ROUTER, 64))).resolves.toBe('drop');
    await expect(node.fromPod(neighbour(143, POD6, FRIEND.IPv6, ROUTER, 1))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ policy: 3 });
  });

  it('[I7] pods are no routers', async () => {
    await expect(node.fromPod(neighbour(134, LINK, ALL_NODES, LINK))).resolves.toBe('drop');
    await expect(node.fromPod(neighbour(137, LINK, ALL_NODES, LINK))).resolves.toBe('drop');
    await expect(node.fromPod(ip(LINK, ROUTER, UDP, udp(547, 546, 40)))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'rogue-router': 3 });
  });

  it('[I7] nor when no policy selects them', async () => {
    const rows = rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut());
    await node.dataplane.sync({ ...rows, subjects: new Map() }, interfaceOf());
    await expect(node.fromPod(neighbour(134, LINK, ALL_NODES, LINK))).resolves.toBe('drop');
    await expect(node.fromPod(ip(LINK, ROUTER, UDP, udp(547, 546, 40)))).resolves.toBe('drop');
    await expect(node.fromPod(ip(POD6, FRIEND.IPv6, UDP, udp(1, 2)))).resolves.toBe('pass');
  });

  it('[C34, I22] nobody speaks for another', async () => {
    await expect(node.fromPod(neighbour(136, POD6, ROUTER, STRANGER.IPv6))).resolves.toBe('drop');
    await expect(node.fromPod(neighbour(135, STRANGER.IPv6, ALL_NODES, ROUTER))).resolves.toBe('drop');
    const frame = (sender: Address) =>
      node.frame('fromPod', { frame: arp(sender), interfaceIndex: POD_INTERFACE });
    await expect(frame(STRANGER.IPv4)).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ 'spoofed-neighbour': 3 });
    await expect(frame(POD_ADDRESSES[0])).resolves.toBe('pass');
    await expect(frame(address('0.0.0.0'))).resolves.toBe('pass');
    await expect(
      node.frame('toPod', { frame: arp(STRANGER.IPv4), interfaceIndex: POD_INTERFACE }),
    ).resolves.toBe('pass');
    // A link-local address is good for the link only.
    await expect(node.fromPod(ip(LINK, FRIEND.IPv6, UDP, udp(1, 2)))).resolves.toBe('drop');
  });

  it('[I21] other frames of a pod that is judged are dropped', async () => {
    const frame = etherFrame(0x88cc, new Uint8Array(60));
    await expect(node.frame('fromPod', { frame, interfaceIndex: POD_INTERFACE })).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ ethertype: 1 });
  });

  it('[H6] an interface that nobody knows lets nothing through where it is to be closed', async () => {
    const [stranger, closed] = await Promise.all([
      createPolicyNode(),
      createPolicyNode({ unknownInterfaceClosed: 1 }),
    ]);
    const packet = ip(POD6, FRIEND.IPv6, UDP, udp(1, 2));
    await expect(stranger.fromPod(packet)).resolves.toBe('pass');
    await expect(closed.fromPod(packet)).resolves.toBe('drop');
    await expect(
      closed.frame('fromPod', { frame: frameOf(packet), interfaceIndex: POD_INTERFACE }),
    ).resolves.toBe('drop');
    await expect(closed.drops()).resolves.toEqual({ closed: 2 });
    stranger.close();
    closed.close();
  });
});
