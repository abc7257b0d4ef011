/**
 * IP addresses and prefixes as canonical text. Text keeps rows readable and comparable; writers turn it into
 * bytes at the edge. IPv4-mapped IPv6 text is never produced: `::ffff:10.0.0.1` is refused by the parsers (KEP-4858).
 */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Canonical address text: dotted quad, or RFC 5952 lower-case compressed IPv6 without a zone. */
export type Address = Brand<string, 'Address'>;
/** Canonical CIDR text, host bits zero: `10.0.0.0/8`, `fd00::/64`. */
export type Prefix = Brand<string, 'Prefix'>;
export type Family = 'IPv4' | 'IPv6';
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** Parses address text; undefined for anything but a plain address (leading zeros, zones, IPv4-mapped text). */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return text as Address;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress() ? undefined : (parsed.toRFC5952String() as Address);
}

/** Parses CIDR text strictly: host bits must be zero (KEP-4858), no leading zeros, no IPv4-mapped text. */
export function parsePrefix(text: string): Prefix | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/');
  const address = parseAddress(addressText);
  if (address === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > addressBits(address)) return undefined;
  return prefixOf(address, length) === `${address}/${length}` ? prefixOf(address, length) : undefined;
}

export function familyOf(value: Address | Prefix): Family {
  return value.includes(':') ? 'IPv6' : 'IPv4';
}

/** Address length in bits: 32 or 128. */
export function addressBits(address: Address): 32 | 128 {
  return familyOf(address) === 'IPv4' ? 32 : 128;
}

/** The address in network byte order: 4 or 16 bytes. */
export function addressBytes(address: Address): Uint8Array {
  if (familyOf(address) === 'IPv4') return quadBytes(address);
  return Uint8Array.from(ipaddr.IPv6.parse(address).toByteArray());
}

/** By hand, since compiling a large cluster does little else so often. */
function quadBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(4);
  let index = 0;
  let value = 0;
  for (let at = 0; at < address.length; at++) {
    const digit = address.charCodeAt(at) - 48;
    if (digit >= 0) value = value * 10 + digit;
    else {
      bytes[index++] = value;
      value = 0;
    }
  }
  bytes[index] = value;
  return bytes;
}

/** Inverse of addressBytes; `bytes` holds 4 or 16 bytes in network order. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return bytes.join('.') as Address;
  return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String() as Address;
}

/** The prefix of `length` bits that contains `address` (host bits are cleared). */
export function prefixOf(address: Address, length: number): Prefix {
  const bytes = addressBytes(address);
  for (const [index, byte] of bytes.entries()) {
    const keep = Math.max(0, Math.min(8, length - index * 8));
    bytes[index] = byte & (0xff << (8 - keep));
  }
  return `${addressFromBytes(bytes)}/${length}` as Prefix;
}

/** The prefix that holds just this address: /32 or /128. */
export function hostPrefix(address: Address): Prefix {
  return `${address}/${addressBits(address)}` as Prefix;
}

/** Base address and length in bits of a prefix. */
export function splitPrefix(prefix: Prefix): { readonly address: Address; readonly length: number } {
  const slash = prefix.indexOf('/');
  return { address: prefix.slice(0, slash) as Address, length: Number(prefix.slice(slash + 1)) };
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (familyOf(prefix) !== familyOf(address)) return false;
  const { length } = splitPrefix(prefix);
  return prefixOf(address, length) === prefix;
}

/**
 * The fewest disjoint prefixes that cover the same addresses, sorted by family and address. Prefixes inside another
 * are dropped and two halves become their parent, since interval sets refuse overlaps.
 */
export function mergePrefixes(prefixes: Iterable<Prefix>): readonly Prefix[] {
  const present = new Set<string>(prefixes);
  const byLength = [...present].sort((a, b) => lengthOf(b) - lengthOf(a));
  const lengths = [...new Set(byLength.map(lengthOf))];
  for (const text of byLength) if (hasAncestor(text as Prefix, present, lengths)) present.delete(text);
  joinSiblings(present);
  return [...present].map((text) => text as Prefix).sort(comparePrefixes);
}

/** Orders IPv4 before IPv6, then by bytes, then shorter prefixes first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  const [left, right] = [splitPrefix(a), splitPrefix(b)];
  return compareAddresses(left.address, right.address) || left.length - right.length;
}

/** Orders IPv4 before IPv6, then numerically. */
export function compareAddresses(a: Address, b: Address): number {
  if (a === b) return 0;
  const [left, right] = [addressBytes(a), addressBytes(b)];
  return left.length - right.length || Buffer.compare(left, right);
}

/** `10.0.0.1:80` or `[fd00::1]:80`. */
export function formatEndpoint(address: Address, port: number): string {
  return familyOf(address) === 'IPv4' ? `${address}:${port}` : `[${address}]:${port}`;
}

function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}

// Only lengths that occur are tried: making all 128 shorter IPv6 prefixes costs more than all the rest.
function hasAncestor(prefix: Prefix, present: ReadonlySet<string>, lengths: readonly number[]): boolean {
  const { address, length } = splitPrefix(prefix);
  return lengths.some((shorter) => shorter < length && present.has(prefixOf(address, shorter)));
}

function joinSiblings(present: Set<string>): void {
  const queue = [...present];
  for (let prefix = queue.pop(); prefix !== undefined; prefix = queue.pop()) {
    if (!present.has(prefix)) continue;
    const { address, length } = splitPrefix(prefix as Prefix);
    if (length === 0) continue;
    const sibling = `${flipBit(address, length - 1)}/${length}`;
    if (!present.has(sibling)) continue;
    const parent = prefixOf(address, length - 1);
    present.delete(prefix);
    present.delete(sibling);
    present.add(parent);
    queue.push(parent);
  }
}

function flipBit(address: Address, bit: number): Address {
  const bytes = addressBytes(address);
  const index = bit >> 3;
  bytes[index] = (bytes[index] ?? 0) ^ (0x80 >> (bit & 7));
  return addressFromBytes(bytes);
}
