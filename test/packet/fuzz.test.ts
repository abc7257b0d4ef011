import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOnPackets } from '../../src/kernel/bpf-program.ts';
import { type Address, FAMILIES, type Family } from '../../src/model/address.ts';
import { DIRECTIONS, type Direction } from '../../src/model/policy-rows.ts';
import { seededRandom } from '../bench/statistics.ts';
import { hostileFrames, mayPass } from './hostile-packets.ts';
import {
  echo,
  extension,
  frameOf,
  GRE,
  type IpFields,
  ip,
  SCTP,
  SYN,
  sctp,
  TCP,
  tcp,
  UDP,
  udp,
} from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from './policy-rows.ts';
import { OWN, webServices } from './service-node.ts';

const RUNS = 30;
const PACKETS = 200;
const HOSTILE = 1000;
const ELSEWHERE = 7;

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({ admissionsPerSecond: 0, eventsPerSecond: 0 });
});
afterAll(() => node.close());

/** What a packet is made of. Ports are its own, so it belongs to no flow. */
interface Packet {
  readonly family: Family;
  readonly direction: Direction;
  readonly friend: boolean;
  readonly kind: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'GRE';
  readonly port: number;
  readonly extensions: readonly number[];
  readonly options: boolean;
}

const anyPacket: fc.Arbitrary<Packet> = fc.record({
  family: fc.constantFrom(...FAMILIES),
  direction: fc.constantFrom('ingress', 'egress'),
  friend: fc.boolean(),
  kind: fc.constantFrom('TCP', 'UDP', 'SCTP', 'ICMP', 'GRE'),
  port: fc.integer({ min: 0, max: 65_535 }),
  extensions: fc.array(fc.constantFrom(0, 43, 60, 135), { maxLength: 7 }),
  options: fc.boolean(),
});

const anyVerdict: fc.Arbitrary<VerdictWords> = fc
  .record({
    direction: fc.constantFrom('ingress', 'egress'),
    peer: fc.option(fc.constant('friend'), { nil: undefined }),
    protocol: fc.option(fc.constantFrom('TCP', 'UDP', 'SCTP'), { nil: undefined }),
    port: fc.integer({ min: 0, max: 65_535 }),
    bits: fc.integer({ min: 0, max: 16 }),
    verdict: fc.constantFrom('allow', 'deny'),
  })
  .map(({ peer, protocol, port, bits, ...rest }) => ({
    ...rest,
    ...(peer === undefined ? {} : { peer }),
    ...(protocol === undefined ? {} : { protocol, bits, port: (port >> (16 - bits)) << (16 - bits) }),
  }));

const anyVerdicts = fc
  .uniqueArray(anyVerdict, {
    maxLength: 10,
    selector: (row) => [row.direction, row.peer, row.protocol, row.port, row.bits].join(),
  })
  // The defaults come first, and are replaced where a row has their key.
  .map((rows) => {
    const everything = (direction: Direction) =>
      rows.some((row) => row.direction === direction && row.peer === undefined && row.protocol === undefined);
    return [...deniedBut().filter(({ direction }) => !everything(direction)), ...rows];
  });

/** The verdict of the rows as the contract says it, looking at every row. */
function expected(packet: Packet, verdicts: readonly VerdictWords[]): 'pass' | 'drop' {
  const hasPorts = packet.kind === 'TCP' || packet.kind === 'UDP' || packet.kind === 'SCTP';
  const lookUp = (peer: string | undefined) =>
    verdicts
      .filter((row) => row.direction === packet.direction && row.peer === peer)
      .filter((row) => row.protocol === undefined || (hasPorts && row.protocol === packet.kind))
      .filter(
        ({ port = 0, bits = 0, protocol }) =>
          protocol === undefined || packet.port >> (16 - bits) === port >> (16 - bits),
      )
      .toSorted(
        (a, b) =>
          (b.protocol === undefined ? -1 : (b.bits ?? 0)) - (a.protocol === undefined ? -1 : (a.bits ?? 0)),
      )[0];
  const row = (packet.friend ? lookUp('friend') : undefined) ?? lookUp(undefined);
  return row?.verdict === 'allow' ? 'pass' : 'drop';
}

let lastPort = 0;

function frameFor(packet: Packet): Uint8Array {
  const pod: Address = packet.family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const peer = (packet.friend ? FRIEND : STRANGER)[packet.family];
  const [source, destination] = packet.direction === 'ingress' ? [peer, pod] : [pod, peer];
  // Ports that nobody used before: replies of an earlier packet's flow would pass.
  lastPort = (lastPort + 1) % 65_536;
  const own = lastPort;
  const fields: IpFields =
    packet.family === 'IPv4'
      ? { options: Uint8Array.from(packet.options ? [1, 148, 4, 0, 0, 1, 1, 0] : []) }
      : { extensions: packet.extensions.map((kind) => extension(kind)) };
  switch (packet.kind) {
    case 'TCP':
      return frameOf(ip(source, destination, TCP, tcp(own, packet.port, SYN), fields));
    case 'UDP':
      return frameOf(ip(source, destination, UDP, udp(own, packet.port), fields));
    case 'SCTP':
      return frameOf(ip(source, destination, SCTP, sctp(own, packet.port), fields));
    case 'ICMP':
      return frameOf(echo(source, destination, 'request', own));
    case 'GRE':
      return frameOf(ip(source, destination, GRE, udp(own, packet.port), fields));
  }
}

async function verdictsOf(direction: Direction, frames: readonly Uint8Array[]) {
  const program = direction === 'ingress' ? node.programs.toPod : node.programs.fromPod;
  return runOnPackets(program, frames, { interfaceIndex: POD_INTERFACE, ingressInterface: ELSEWHERE });
}

describe('random packets', () => {
  it('[C4, C22, I11, I20] that are well-formed get the verdict of the rows', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyVerdicts,
        fc.array(anyPacket, { minLength: PACKETS / 2, maxLength: PACKETS }),
        async (verdicts, packets) => {
          await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
          for (const direction of ['ingress', 'egress'] as const) {
            await node.forget();
            const those = packets.filter((packet) => packet.direction === direction && packet.kind !== 'GRE');
            const portless = packets.filter(
              (packet) => packet.direction === direction && packet.kind === 'GRE',
            );
            const got = await verdictsOf(direction, those.map(frameFor));
            expect(got).toEqual(those.map((packet) => expected(packet, verdicts)));
            expect(await verdictsOf(direction, portless.map(frameFor))).toEqual(
              portless.map((packet) => expected(packet, verdicts)),
            );
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('[I19, I20, I21] that are damaged get nowhere where nothing is allowed', async () => {
    await node.services.sync(webServices(8080), OWN);
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut()), interfaceOf());
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.constantFrom(...DIRECTIONS), async (seed, direction) => {
        await node.forget();
        const frames = hostileFrames(seededRandom(seed), direction, HOSTILE);
        const got = await verdictsOf(direction, frames);
        const passed = frames.filter((frame, index) => got[index] === 'pass' && !mayPass(frame));
        expect(passed).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});
