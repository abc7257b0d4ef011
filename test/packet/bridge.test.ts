/** Pods on one bridge: what they may tell each other there, and what must not leave the link. */
import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PodInterface } from '../../src/dataplane/policy-change.ts';
import { attachTcx, type TcLink } from '../../src/kernel/bpf-program.ts';
import { type Address, addressBytes } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import { linkAddress, openStation, type RawStation, withChecksums } from '../raw/raw-frames.ts';
import { address, etherFrame, frameOf, ICMPV6, icmp, ip, joined, UDP, udp } from './packets.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';

const PREFIX = `weir-bridge-${process.pid}`;
const GATEWAY = { IPv4: address('10.79.0.1'), IPv6: address('fd79::1') };
const EVIL = { IPv4: address('10.79.0.2'), IPv6: address('fd79::2') };
const NEAR = { IPv4: address('10.79.0.3'), IPv6: address('fd79::3') };
/** Behind the node. */
const FAR = address('fd80::9');
const POD = 'test/evil' as ObjectName;
const PATIENTLY = { timeout: 15_000 };

let node: PolicyNode;
const links: TcLink[] = [];
const stations: RawStation[] = [];
let evil: RawStation;
let near: RawStation;
let far: RawStation;

const netns = (name: string) => `/run/netns/${PREFIX}-${name}`;
const inside = (name: string, ...argv: readonly string[]) =>
  execFileSync('nsenter', [`--net=${netns(name)}`, ...argv], { encoding: 'utf8' });
const lines = (name: string, ...text: readonly string[]) => {
  for (const line of text) inside(name, 'ip', ...line.split(' '));
};

function makeNetwork(): void {
  for (const name of ['node', 'evil', 'near', 'far']) {
    execFileSync('ip', ['netns', 'add', `${PREFIX}-${name}`]);
    inside(name, 'ip', 'link', 'set', 'lo', 'up');
  }
  inside('node', 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.ip_forward=1');
  lines(
    'node',
    'link add br0 type bridge',
    `address add ${GATEWAY.IPv4}/24 dev br0`,
    `address add ${GATEWAY.IPv6}/64 dev br0 nodad`,
    'link set br0 up',
  );
  for (const [name, own] of [
    ['evil', EVIL],
    ['near', NEAR],
  ] as const) {
    lines(
      'node',
      `link add ${name} type veth peer name eth0 netns ${PREFIX}-${name}`,
      `link set ${name} master br0 up`,
    );
    lines(
      name,
      `address add ${own.IPv4}/24 dev eth0`,
      `address add ${own.IPv6}/64 dev eth0 nodad`,
      'link set eth0 up',
    );
  }
  lines(
    'node',
    `link add far type veth peer name eth0 netns ${PREFIX}-far`,
    'address add fd80::1/64 dev far nodad',
    'link set far up',
  );
  lines(
    'far',
    `address add ${FAR}/64 dev eth0 nodad`,
    'link set eth0 up',
    '-6 route add default via fd80::1',
  );
}

async function guard(): Promise<PodInterface> {
  const interfaceIndex = Number(/^\d+/.exec(inside('node', 'ip', '-o', 'link', 'show', 'dev', 'evil'))?.[0]);
  const place = { interfaceIndex, networkNamespace: netns('node') };
  links.push(await attachTcx(node.programs.fromPod, { ...place, hook: 'ingress' }));
  links.push(await attachTcx(node.programs.toPod, { ...place, hook: 'egress' }));
  return { pod: POD, interfaceIndex, addresses: [EVIL.IPv4, EVIL.IPv6], held: false };
}

const OPEN = 9;
const MARK = 'weir-attack';
const MARKED = new TextEncoder().encode(MARK);
let marks = 20_000;

const portOf = (name: string) => linkAddress(netns(name), 'eth0');
const toNear = (packet: Uint8Array) => framed(portOf('near'), packet);
const toNode = (packet: Uint8Array) => framed(linkAddress(netns('node'), 'br0'), packet);

function framed(to: Uint8Array, packet: Uint8Array): Uint8Array {
  return joined(to, portOf('evil'), frameOf(withChecksums(packet)).subarray(12));
}

/** How many of the frames that evil sent reached `hearer`: a datagram that is allowed tells the end. */
async function arrived(hearer: RawStation, ...frames: readonly Uint8Array[]): Promise<number> {
  const before = hearer.heard.length;
  marks += 1;
  evil.sendFrames(...frames, toNear(ip(EVIL.IPv4, NEAR.IPv4, UDP, udp(marks, OPEN))));
  const end = Buffer.from([marks >> 8, marks & 0xff, 0, OPEN]);
  await expect.poll(() => near.packets().some((one) => one.includes(end)), PATIENTLY).toBe(true);
  return hearer.heard.slice(before).filter((frame) => frame.includes(MARK)).length;
}

function neighbour(type: number, to: Address, target: Address): Uint8Array {
  const rest = joined(new Uint8Array(4), addressBytes(target), MARKED);
  return ip(EVIL.IPv6, to, ICMPV6, icmp(type, 0, rest), { hopLimit: 255 });
}

/** To everybody. */
function arpReply(sender: Address): Uint8Array {
  const words = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 2);
  const target = joined(new Uint8Array(6), addressBytes(NEAR.IPv4));
  const frame = etherFrame(0x0806, joined(words, portOf('evil'), addressBytes(sender), target, MARKED));
  return joined(new Uint8Array(6).fill(0xff), portOf('evil'), frame.subarray(12));
}

beforeAll(async () => {
  node = await createPolicyNode();
  makeNetwork();
  const attached = await guard();
  const opened = {
    direction: 'egress',
    peer: 'near',
    protocol: 'UDP',
    port: OPEN,
    verdict: 'allow',
  } as const;
  const rows = rowsOf(POD, attached.addresses, { [`${NEAR.IPv4}/32`]: 'near' }, deniedBut(opened));
  await node.dataplane.sync(rows, new Map([[POD, attached]]));
  for (const name of ['evil', 'near', 'far'])
    stations.push(await openStation(netns(name), 'eth0', linkAddress(netns('node'), 'br0')));
  [evil, near, far] = stations as [RawStation, RawStation, RawStation];
}, 60_000);
afterAll(() => {
  for (const station of stations) station.end();
  for (const link of links) link.close();
  for (const name of ['node', 'evil', 'near', 'far']) spawnSync('ip', ['netns', 'del', `${PREFIX}-${name}`]);
  node.close();
});
beforeEach(async () => {
  await node.drops();
});

describe('a pod on a bridge', () => {
  it('[I7] asks and answers its neighbours whatever the rows say', async () => {
    expect(await arrived(near, toNear(neighbour(135, NEAR.IPv6, NEAR.IPv6)))).toBe(1);
    expect(await arrived(near, toNear(neighbour(136, NEAR.IPv6, EVIL.IPv6)))).toBe(1);
    expect(await arrived(near, arpReply(EVIL.IPv4))).toBe(1);
    expect(await node.drops()).toEqual({});
  });

  it('[I7] [C34] answers for nobody else', async () => {
    const lies = [GATEWAY.IPv6, FAR].map((target) => toNear(neighbour(136, NEAR.IPv6, target)));
    expect(await arrived(near, ...lies)).toBe(0);
    expect(await arrived(near, arpReply(GATEWAY.IPv4), arpReply(address('10.79.0.9')))).toBe(0);
    expect(await node.drops()).toEqual({ 'spoofed-neighbour': 4 });
  });

  it('[I7] is no router, and sends nothing beyond the link as neighbour discovery', async () => {
    const advertised = neighbour(134, address('ff02::1'), EVIL.IPv6);
    expect(await arrived(near, framed(Uint8Array.of(0x33, 0x33, 0, 0, 0, 1), advertised))).toBe(0);
    expect(await node.drops()).toEqual({ 'rogue-router': 1 });
    for (const type of [133, 135, 136]) {
      const target = type === 136 ? EVIL.IPv6 : FAR;
      expect(await arrived(far, toNode(neighbour(type, FAR, target)))).toBe(0);
    }
    expect(await arrived(far, toNode(neighbour(135, address('ff0e::1'), FAR)))).toBe(0);
    expect(await node.drops()).toEqual({ policy: 4 });
  });

  it('[C1] reaches its neighbours otherwise only by the rows', async () => {
    const echo = ip(EVIL.IPv6, NEAR.IPv6, ICMPV6, icmp(128, 0, MARKED), { hopLimit: 255 });
    expect(await arrived(near, toNear(echo))).toBe(0);
    expect(await node.drops()).toEqual({ policy: 1 });
  });
});
