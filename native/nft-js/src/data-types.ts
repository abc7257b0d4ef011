/** The data types of keys and data: nft's type numbers, lengths in bytes and byte orders. */
import { endianness } from 'node:os';

interface TypeFacts {
  readonly id: number;
  readonly bytes: number;
  readonly order: 'network' | 'host';
}

const FACTS = {
  integer: { id: 4, bytes: 4, order: 'network' },
  ipv4_addr: { id: 7, bytes: 4, order: 'network' },
  ipv6_addr: { id: 8, bytes: 16, order: 'network' },
  ether_addr: { id: 9, bytes: 6, order: 'network' },
  ether_type: { id: 10, bytes: 2, order: 'network' },
  nf_proto: { id: 2, bytes: 1, order: 'host' },
  inet_proto: { id: 12, bytes: 1, order: 'network' },
  inet_service: { id: 13, bytes: 2, order: 'network' },
  icmp_type: { id: 14, bytes: 1, order: 'network' },
  icmpv6_type: { id: 29, bytes: 1, order: 'network' },
  mark: { id: 19, bytes: 4, order: 'host' },
  ifindex: { id: 20, bytes: 4, order: 'host' },
  uid: { id: 24, bytes: 4, order: 'host' },
  gid: { id: 25, bytes: 4, order: 'host' },
  ct_state: { id: 26, bytes: 4, order: 'host' },
  ct_status: { id: 28, bytes: 4, order: 'host' },
  pkt_type: { id: 31, bytes: 1, order: 'host' },
  ifname: { id: 41, bytes: 16, order: 'host' },
} as const satisfies Record<string, TypeFacts>;

/** A type nft knows by name. */
export type NamedDataType = keyof typeof FACTS;
/** A named type, or `integer:N`: an integer of N bytes in network order. */
export type DataType = NamedDataType | `integer:${number}`;

const NAMES = Object.keys(FACTS) as readonly NamedDataType[];
const TYPE_BITS = 6;
const HOST_IS_LITTLE = endianness() === 'LE';

function factsOf(type: DataType): TypeFacts {
  if (!type.startsWith('integer:')) {
    const facts: TypeFacts | undefined = FACTS[type as NamedDataType];
    if (facts === undefined)
      throw new RangeError(`unknown nft data type '${type}'; use one of ${NAMES.join(', ')}`);
    return facts;
  }
  const bytes = Number(type.slice('integer:'.length));
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > 64) {
    throw new RangeError(`nft data type '${type}': the length must be 1 to 64 bytes`);
  }
  return { id: FACTS.integer.id, bytes, order: 'network' };
}

/** Length of one value in bytes, without padding. Throws RangeError for an unknown type. */
export function dataTypeBytes(type: DataType): number {
  return factsOf(type).bytes;
}

/** Whether the value's bytes stand least significant first on this machine (marks, interface indexes, ids). */
export function isLittleEndian(type: DataType): boolean {
  return HOST_IS_LITTLE && factsOf(type).order === 'host';
}

/** nft's byte order number of a value: 1 host, 2 network. */
export function byteOrderNumber(types: readonly DataType[]): number {
  const [only] = types;
  return types.length === 1 && only !== undefined && factsOf(only).order === 'host' ? 1 : 2;
}

/** nft's number of a type or concatenation (six bits for each field). */
export function typeNumber(types: readonly DataType[]): number {
  return types.reduce((number, type) => ((number << TYPE_BITS) | factsOf(type).id) >>> 0, 0);
}

/** Length in bytes of a value of these fields; in a concatenation each field is padded to 4 bytes. */
export function concatenationBytes(types: readonly DataType[]): number {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return dataTypeBytes(only);
  return types.reduce((sum, type) => sum + paddedBytes(type), 0);
}

/** Length in bytes of one field inside a concatenation. */
export function paddedBytes(type: DataType): number {
  return (dataTypeBytes(type) + 3) & ~3;
}

/** The types behind a type number and length; what has no name here comes out as `integer:N`. */
export function typesFromNumber(number: number, bytes: number): readonly DataType[] {
  const ids: number[] = [];
  for (let rest = number; rest > 0; rest >>>= TYPE_BITS) ids.unshift(rest & ((1 << TYPE_BITS) - 1));
  const types = ids.map((id) => NAMES.find((name) => FACTS[name].id === id));
  if (types.every((type) => type !== undefined) && concatenationBytes(types) === bytes) return types;
  return [`integer:${bytes}`];
}
