/** Damaged packets around translated flows: what passes is translated as it has to be, with checksums as right as before. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Address, FAMILIES, type Family } from '../../src/model/address.ts';
import { seededRandom } from '../bench/statistics.ts';
import { checked, endsOf, wrongChecksums } from './checksums.ts';
import { damaged, mayPass } from './hostile-packets.ts';
import {
  ACK,
  address,
  FIN,
  frameOf,
  ICMP,
  ICMPV6,
  ip,
  RST,
  SYN,
  TCP,
  tcp,
  tooBig,
  UDP,
  udp,
} from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { OWN, VIP, webServices } from './service-node.ts';

const RUNS = 20;
const PACKETS = 150;
const ROUTER = { IPv4: address('10.9.9.9'), IPv6: address('fd99::9') };

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({ eventsPerSecond: 0, admissionsPerSecond: 0 });
  const verdicts = deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' });
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
  await node.services.sync(webServices(8080), OWN);
});
afterAll(() => node.close());

/** What the two ends say to each other, and what is said about it, from \`source\` to \`destination\`. */
function conversation(source: Address, from: number, destination: Address, to: number, router: Address) {
  const request = (payload: Uint8Array, protocol: number) => ip(source, destination, protocol, payload);
  const quoted = [TCP, UDP].map((protocol) =>
    checked(ip(destination, source, protocol, protocol === TCP ? tcp(to, from, ACK, 9) : udp(to, from, 9))),
  );
  return [
    ...[SYN, ACK, SYN | ACK, FIN | ACK, RST].map((flags) => request(tcp(from, to, flags, 20), TCP)),
    request(udp(from, to, 20), UDP),
    ip(source, destination, UDP, udp(from, to, 64), { fragment: { id: 9, offset: 0, more: true } }),
    ip(source, destination, UDP, new Uint8Array(64), { fragment: { id: 9, offset: 72, more: false } }),
    ...quoted.flatMap((packet) => [tooBig(source, destination, packet), tooBig(router, destination, packet)]),
  ];
}

/** The flows that all is about. */
async function open(pod: Address, family: Family): Promise<void> {
  await node.forget();
  await node.fromPod(checked(ip(pod, VIP[family], TCP, tcp(4000, 80, SYN))));
  await node.fromPod(checked(ip(pod, VIP[family], UDP, udp(4000, 80))));
}

/** Damaged first, then given right checksums again where its headers still say where they are. */
function hostile(packets: readonly Uint8Array[], random: () => number): Uint8Array {
  const chosen = packets[Math.floor(random() * packets.length)] ?? new Uint8Array(60);
  const frame = damaged(frameOf(chosen), random);
  const bytes = frame.subarray(14);
  return bytes.length >= 60 ? checked(bytes) : bytes.slice();
}

const versionOf = (packet: Uint8Array) => (packet[0] ?? 0) >> 4;
const protocolOf = (packet: Uint8Array) => packet[versionOf(packet) === 6 ? 6 : 9];

describe.each(FAMILIES)('%s: damaged packets of translated flows', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [vip, friend, router] = [VIP[family], FRIEND[family], ROUTER[family]];
  const passing = async (direction: 'fromPod' | 'toPod', packet: Uint8Array) => {
    const run = await node.send(direction, packet).catch(() => undefined);
    const known = versionOf(packet) === (family === 'IPv4' ? 4 : 6);
    return run?.verdict === 'pass' && known && !mayPass(frameOf(packet)) ? run.packet : undefined;
  };

  it.each([
    ['fromPod', conversation(pod, 4000, vip, 80, pod)],
    ['toPod', conversation(friend, 8080, pod, 4000, router)],
  ] as const)(
    '[C15, E31, I19, I20] %s: none passes as it came',
    { timeout: 120_000 },
    async (direction, packets) => {
      await fc.assert(
        fc.asyncProperty(fc.integer(), async (seed) => {
          const random = seededRandom(seed);
          await open(pod, family);
          for (let count = 0; count < PACKETS; count++) {
            const packet = hostile(packets, random);
            const right = wrongChecksums(packet).length === 0;
            const passed = await passing(direction, packet);
            if (passed === undefined) continue;
            const { source, destination } = endsOf(passed);
            if (right) expect(wrongChecksums(passed), Buffer.from(packet).toString('hex')).toEqual([]);
            if (direction === 'fromPod') expect(destination).toBe(friend);
            const isError = [ICMP, ICMPV6].includes(protocolOf(passed) ?? 0);
            if (direction === 'toPod' && !isError) expect(source).toBe(vip);
          }
        }),
        { numRuns: RUNS },
      );
    },
  );
});
