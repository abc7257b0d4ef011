/** Checksums of packets, computed anew: to make valid packets, and to see whether programs left them so. */
import { type Address, addressFromBytes } from '../../src/model/address.ts';
import { ICMP, ICMPV6, SCTP, TCP, UDP } from './packets.ts';

/** Where the parts of a whole IP packet without extension headers are. */
interface Layout {
  readonly ipv6: boolean;
  readonly protocol: number;
  /** Offset of the transport header. */
  readonly transport: number;
  readonly ends: Uint8Array;
}

function layoutOf(packet: Uint8Array): Layout {
  const ipv6 = (packet[0] ?? 0) >> 4 === 6;
  const transport = ipv6 ? 40 : ((packet[0] ?? 0) & 0xf) * 4;
  return {
    ipv6,
    protocol: packet[ipv6 ? 6 : 9] ?? 0,
    transport,
    ends: packet.subarray(ipv6 ? 8 : 12, ipv6 ? 40 : 20),
  };
}

/** What a packet's headers say of its way. */
export interface Ends {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** The ends of a packet of a protocol with ports. */
export function endsOf(packet: Uint8Array): Ends {
  const { transport, ends } = layoutOf(packet);
  const half = ends.length / 2;
  const view = new DataView(packet.buffer, packet.byteOffset + transport);
  return {
    source: addressFromBytes(ends.subarray(0, half)),
    destination: addressFromBytes(ends.subarray(half)),
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
  };
}

/** The packet with right checksums. */
export function checked(packet: Uint8Array): Uint8Array {
  const valid = packet.slice();
  for (const { at, size, sum } of sumsOf(valid)) {
    valid.fill(0, at, at + size);
    valid.set(sum(), at);
  }
  return valid;
}

/** Offsets of checksums that are wrong; none for a valid packet. */
export function wrongChecksums(packet: Uint8Array): readonly number[] {
  const right = checked(packet);
  return sumsOf(packet).flatMap(({ at, size }) =>
    Buffer.from(right.subarray(at, at + size)).equals(packet.subarray(at, at + size)) ? [] : [at],
  );
}

/** A checksum's place, and what it would be if it were 0 now. */
interface Sum {
  readonly at: number;
  readonly size: number;
  readonly sum: () => Uint8Array;
}

const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [TCP]: 16,
  [UDP]: 6,
  [ICMP]: 2,
  [ICMPV6]: 2,
  [SCTP]: 8,
};

/** Those that the packet is long enough for. */
function sumsOf(packet: Uint8Array): readonly Sum[] {
  return allSums(packet).filter(({ at, size }) => at + size <= packet.length);
}

function allSums(packet: Uint8Array): readonly Sum[] {
  const { ipv6, protocol, transport, ends } = layoutOf(packet);
  const header = ipv6 ? [] : [{ at: 10, size: 2, sum: () => complement(packet.subarray(0, transport)) }];
  const place = CHECKSUM_AT[protocol];
  const isFragment = !ipv6 && (((packet[6] ?? 0) & 0x3f) | (packet[7] ?? 0)) !== 0;
  const at = transport + (place ?? 0);
  if (place === undefined || isFragment) return header;
  const payload = packet.subarray(transport);
  if (protocol === SCTP) return [...header, { at, size: 4, sum: () => crc32c(payload) }];
  const pseudo = Uint8Array.of(...ends, 0, 0, payload.length >> 8, payload.length & 0xff, 0, 0, 0, protocol);
  const covered = protocol === ICMP ? [payload] : [pseudo, payload];
  const sum = () => {
    const found = complement(Buffer.concat(covered));
    // 0 would say that a datagram has none.
    return protocol === UDP && found.every((byte) => byte === 0) ? Uint8Array.of(0xff, 0xff) : found;
  };
  return [...header, { at, size: 2, sum }];
}

function complement(bytes: Uint8Array): Uint8Array {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return Uint8Array.of((~sum >> 8) & 0xff, ~sum & 0xff);
}

/** Bit by bit, as the standard has it. */
function crc32c(bytes: Uint8Array): Uint8Array {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setInt32(0, ~crc, true);
  return sum;
}
