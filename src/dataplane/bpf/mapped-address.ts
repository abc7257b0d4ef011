/** Addresses as the programs have them: both families in 16 bytes, IPv4 mapped. */
import {
  type Address,
  addressBytes,
  addressFromBytes,
  type Prefix,
  splitPrefix,
} from '../../model/address.ts';

/** What stands before an IPv4 prefix's own bits. */
const IPV4_BITS = 96;

/** The 16 bytes of an address, an IPv4 address mapped. */
export function mappedBytes(address: Address): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped.fill(0xff, 10, 12);
  mapped.set(bytes, 12);
  return mapped;
}

/** Inverse of `mappedBytes`. */
export function unmappedAddress(bytes: Uint8Array): Address {
  const isIpv4 =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return addressFromBytes(isIpv4 ? bytes.subarray(12) : bytes);
}

/** The key of a table of prefixes: a length of 128 bits, and an address. */
interface MappedPrefix {
  readonly prefixLength: number;
  readonly address: Uint8Array;
}

export function mappedPrefix(prefix: Prefix): MappedPrefix {
  const { address, length } = splitPrefix(prefix);
  const mapped = mappedBytes(address);
  return { prefixLength: address.includes(':') ? length : length + IPV4_BITS, address: mapped };
}

/** Inverse of `mappedPrefix`. */
export function unmappedPrefix({ prefixLength, address }: MappedPrefix): Prefix {
  const text = unmappedAddress(address);
  return `${text}/${text.includes(':') ? prefixLength : prefixLength - IPV4_BITS}` as Prefix;
}
