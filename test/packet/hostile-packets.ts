/** Packets that want past a policy: made well, then damaged. From and to one pod, of both families. */
import { FAMILIES } from '../../src/model/address.ts';
import type { Direction } from '../../src/model/policy-rows.ts';
import {
  ACK,
  echo,
  etherFrame,
  extension,
  frameOf,
  GRE,
  ICMPV6,
  icmp,
  ip,
  joined,
  RST,
  SCTP,
  SYN,
  sctp,
  TCP,
  tcp,
  tooBig,
  UDP,
  udp,
} from './packets.ts';
import { FRIEND, POD_ADDRESSES, STRANGER } from './pod.ts';
import { VIP } from './service-node.ts';

/** A number in [0, 1). */
type Random = () => number;

const LONGEST_TAIL = 100;

/** `count` frames in this direction, each damaged in one to four places, cut short, or made longer. */
export function hostileFrames(random: Random, direction: Direction, count: number): readonly Uint8Array[] {
  const whole = BASES[direction];
  return Array.from({ length: count }, () =>
    damaged(whole[below(random, whole.length)] ?? new Uint8Array(60), random),
  );
}

/** A copy that is damaged in one to four places, cut short, or made longer. */
export function damaged(frame: Uint8Array, random: Random): Uint8Array {
  const kind = below(random, 8);
  if (kind === 0) return frame.slice(0, 14 + below(random, frame.length - 14));
  if (kind === 1)
    return joined(
      frame,
      new Uint8Array(below(random, LONGEST_TAIL)).map(() => below(random, 256)),
    );
  const copy = frame.slice();
  for (let places = 1 + below(random, 4); places > 0; places--)
    copy[below(random, frame.length)] = below(random, 256);
  return copy;
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/**
 * Whether a frame may pass though nothing is allowed: ARP, what may be of the link (neighbour discovery has hop limit 255,
 * multicast listeners 1), and what the pod says to itself.
 */
export function mayPass(frame: Uint8Array): boolean {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  if (type === 0x0806) return true;
  if (type === 0x86dd) {
    const own = Buffer.compare(frame.subarray(22, 38), frame.subarray(38, 54)) === 0;
    return own || frame[21] === 255 || frame[21] === 1;
  }
  return type === 0x0800 && Buffer.compare(frame.subarray(26, 30), frame.subarray(30, 34)) === 0;
}

const BASES: Readonly<Record<Direction, readonly Uint8Array[]>> = {
  ingress: basesOf('ingress'),
  egress: basesOf('egress'),
};

function basesOf(direction: Direction): readonly Uint8Array[] {
  const packets = FAMILIES.flatMap((family) => {
    const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
    return [FRIEND[family], STRANGER[family], VIP[family]].flatMap((peer) => {
      const [source, destination] = direction === 'ingress' ? [peer, pod] : [pod, peer];
      const to = (protocol: number, payload: Uint8Array, fields = {}) =>
        ip(source, destination, protocol, payload, fields);
      const quoted = ip(destination, source, TCP, tcp(80, 4000, ACK));
      return [
        to(TCP, tcp(4000, 80, SYN)),
        to(TCP, tcp(4000, 80, ACK, 30)),
        to(TCP, tcp(4000, 80, RST)),
        to(UDP, udp(4000, 53, 20)),
        to(SCTP, sctp(4000, 80)),
        to(GRE, udp(4000, 80)),
        echo(source, destination, 'request', 7),
        echo(source, destination, 'reply', 7),
        tooBig(source, destination, quoted),
        to(UDP, udp(4000, 53, 64), { fragment: { id: 9, offset: 0, more: true } }),
        to(UDP, new Uint8Array(64), { fragment: { id: 9, offset: 72, more: false } }),
        to(TCP, tcp(4000, 80, SYN).subarray(0, 8), { fragment: { id: 10, offset: 0, more: true } }),
        family === 'IPv4'
          ? to(UDP, udp(4000, 53), { options: Uint8Array.of(1, 131, 7, 4, 10, 0, 0, 1) })
          : to(UDP, udp(4000, 53), { extensions: [extension(0), extension(43), extension(60, 2)] }),
      ];
    });
  });
  const neighbour = ip(FRIEND.IPv6, POD_ADDRESSES[1], ICMPV6, icmp(136, 0, new Uint8Array(20)), {
    hopLimit: 64,
  });
  return [...packets, neighbour].map(frameOf).concat(etherFrame(0x8100, new Uint8Array(60)));
}
