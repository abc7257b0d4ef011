/** Packets made by hand: IP and what is above, valid unless a field says otherwise. Frames get an Ethernet header. */
import { type Address, addressBytes, familyOf, parseAddress } from '../../src/model/address.ts';

/** IP protocol numbers. */
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const GRE = 47;
export const ICMPV6 = 58;
export const SCTP = 132;
export const UDP_LITE = 136;

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** What an IP header says beside addresses and payload. */
export interface IpFields {
  readonly hopLimit?: number;
  /** IPv4 options, padded to 4 bytes by the caller. */
  readonly options?: Uint8Array;
  /** A fragment of the packet; the offset counts bytes, a multiple of 8. */
  readonly fragment?: { readonly id: number; readonly offset: number; readonly more: boolean };
  /** IPv6 extension headers before the payload, outermost first, without their first byte (the next header). */
  readonly extensions?: readonly { readonly kind: number; readonly rest: Uint8Array }[];
  /** The length field, where it should lie: bytes behind the address header (IPv6), of the whole packet (IPv4). */
  readonly length?: number;
}

/** An IP packet, of the family of its addresses, with `payload` after the headers. */
export function ip(
  source: Address,
  destination: Address,
  protocol: number,
  payload: Uint8Array,
  fields: IpFields = {},
): Uint8Array {
  return familyOf(source) === 'IPv4'
    ? ipv4(source, destination, protocol, payload, fields)
    : ipv6(source, destination, protocol, payload, fields);
}

function ipv4(
  source: Address,
  destination: Address,
  protocol: number,
  payload: Uint8Array,
  { hopLimit = 64, options = new Uint8Array(0), fragment, length }: IpFields,
): Uint8Array {
  const header = new Uint8Array(20 + options.length);
  const view = new DataView(header.buffer);
  header[0] = 0x40 | (header.length / 4);
  view.setUint16(2, length ?? header.length + payload.length);
  view.setUint16(4, fragment?.id ?? 0);
  view.setUint16(6, fragment === undefined ? 0 : (fragment.offset >> 3) | (fragment.more ? 0x2000 : 0));
  header[8] = hopLimit;
  header[9] = protocol;
  header.set(addressBytes(source), 12);
  header.set(addressBytes(destination), 16);
  header.set(options, 20);
  return joined(header, payload);
}

function ipv6(
  source: Address,
  destination: Address,
  protocol: number,
  payload: Uint8Array,
  { hopLimit = 64, extensions = [], fragment, length }: IpFields,
): Uint8Array {
  const chain = [...extensions, ...(fragment === undefined ? [] : [fragmentHeader(fragment)])];
  const bodies = chain.map(({ rest }, index) =>
    joined(Uint8Array.of(chain[index + 1]?.kind ?? protocol), rest),
  );
  const behind = joined(...bodies, payload);
  const header = new Uint8Array(40);
  const view = new DataView(header.buffer);
  header[0] = 0x60;
  view.setUint16(4, length ?? behind.length);
  header[6] = chain[0]?.kind ?? protocol;
  header[7] = hopLimit;
  header.set(addressBytes(source), 8);
  header.set(addressBytes(destination), 24);
  return joined(header, behind);
}

function fragmentHeader({ id, offset, more }: NonNullable<IpFields['fragment']>) {
  const rest = new Uint8Array(7);
  const view = new DataView(rest.buffer);
  view.setUint16(1, offset | (more ? 1 : 0));
  view.setUint32(3, id);
  return { kind: 44, rest };
}

/** An extension header of `8 * (length + 1)` bytes that says nothing. */
export function extension(kind: number, length = 0): { readonly kind: number; readonly rest: Uint8Array } {
  const rest = new Uint8Array(8 * (length + 1) - 1);
  rest[0] = length;
  return { kind, rest };
}

export function tcp(sourcePort: number, destinationPort: number, flags: number, data = 0): Uint8Array {
  const segment = new Uint8Array(20 + data);
  const view = new DataView(segment.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  segment[12] = 5 << 4;
  segment[13] = flags;
  return segment;
}

export function udp(sourcePort: number, destinationPort: number, data = 0): Uint8Array {
  const datagram = new Uint8Array(8 + data);
  const view = new DataView(datagram.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, datagram.length);
  return datagram;
}

export function sctp(sourcePort: number, destinationPort: number): Uint8Array {
  const packet = new Uint8Array(32);
  const view = new DataView(packet.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  packet[12] = 1;
  return packet;
}

/** An ICMP message: type, code, and what follows the checksum. */
export function icmp(type: number, code: number, rest: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(type, code, 0, 0), rest);
}

/** An echo request or reply of the address's family, with its IP header. */
export function echo(
  source: Address,
  destination: Address,
  kind: 'request' | 'reply',
  id: number,
): Uint8Array {
  const rest = Uint8Array.of(id >> 8, id & 0xff, 0, 1, 1, 2, 3, 4);
  if (familyOf(source) === 'IPv4')
    return ip(source, destination, ICMP, icmp(kind === 'request' ? 8 : 0, 0, rest));
  return ip(source, destination, ICMPV6, icmp(kind === 'request' ? 128 : 129, 0, rest));
}

/** A packet-too-big (fragmentation needed) from a router about `quoted`, of which it repeats the first bytes. */
export function tooBig(router: Address, destination: Address, quoted: Uint8Array): Uint8Array {
  const rest = joined(
    Uint8Array.of(0, 0, 5, 0x14),
    quoted.subarray(0, familyOf(router) === 'IPv4' ? 28 : 48),
  );
  if (familyOf(router) === 'IPv4') return ip(router, destination, ICMP, icmp(3, 4, rest));
  return ip(router, destination, ICMPV6, icmp(2, 0, rest));
}

export const ETHERNET_BYTES = 14;

/** A frame around an IP packet. */
export function frameOf(packet: Uint8Array): Uint8Array {
  return etherFrame((packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800, packet);
}

export function etherFrame(type: number, payload: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, type >> 8, type & 0xff), payload);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
