/** Headers of a packet that the table logged, as far as a verdict tells of them. */
import { type Address, addressFromBytes } from '../../../model/address.ts';

export interface PacketEnds {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number. */
  readonly protocol: number;
  /** 0 where the protocol has none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Bytes, of the IP packet. */
  readonly length: number;
}

const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132]);
/** Extension headers of IPv6 that lead to another header: hop-by-hop, routing, destination options. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);
const FRAGMENT = 44;
const MOST_EXTENSIONS = 8;

/** undefined for what is no whole header of either family. */
export function packetEnds(bytes: Uint8Array): PacketEnds | undefined {
  const version = (bytes[0] ?? 0) >> 4;
  if (version === 4 && bytes.length >= 20) return ipv4Ends(bytes);
  if (version === 6 && bytes.length >= 40) return ipv6Ends(bytes);
  return undefined;
}

function ipv4Ends(bytes: Uint8Array): PacketEnds {
  const protocol = bytes[9] ?? 0;
  return {
    source: addressFromBytes(bytes.subarray(12, 16)),
    destination: addressFromBytes(bytes.subarray(16, 20)),
    protocol,
    ...ports(bytes, ((bytes[0] ?? 0) & 15) * 4, protocol),
    length: wordAt(bytes, 2),
  };
}

function ipv6Ends(bytes: Uint8Array): PacketEnds {
  let protocol = bytes[6] ?? 0;
  let at = 40;
  for (let seen = 0; seen < MOST_EXTENSIONS && at + 8 <= bytes.length; seen++) {
    if (protocol !== FRAGMENT && !EXTENSIONS.has(protocol)) break;
    const length = protocol === FRAGMENT ? 8 : ((bytes[at + 1] ?? 0) + 1) * 8;
    protocol = bytes[at] ?? 0;
    at += length;
  }
  return {
    source: addressFromBytes(bytes.subarray(8, 24)),
    destination: addressFromBytes(bytes.subarray(24, 40)),
    protocol,
    ...ports(bytes, at, protocol),
    length: wordAt(bytes, 4) + 40,
  };
}

function ports(bytes: Uint8Array, at: number, protocol: number) {
  if (!WITH_PORTS.has(protocol) || at + 4 > bytes.length) return { sourcePort: 0, destinationPort: 0 };
  return { sourcePort: wordAt(bytes, at), destinationPort: wordAt(bytes, at + 2) };
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}
