/** Arithmetic on the addresses of a prefix, by their number in it. */
import {
  type Address,
  addressBits,
  addressBytes,
  addressFromBytes,
  type Prefix,
  prefixContains,
  splitPrefix,
} from '../model/address.ts';
import { bandedTurn } from './bands.ts';
import type { Candidates } from './claims.ts';
import { hashName } from './hash.ts';

/** Address number `number` (below 2³²) of the prefix; 0 is the network's own. */
export function numberedAddress(prefix: Prefix, number: number): Address {
  return addressAfter(addressBytes(splitPrefix(prefix).address), number);
}

/** The address `number` (below 2³²) places after the one with these bytes. */
function addressAfter(base: Uint8Array, number: number): Address {
  const bytes = base.slice();
  let rest = number;
  for (let index = bytes.length - 1; rest > 0 && index >= 0; index--) {
    const sum = (bytes[index] ?? 0) + (rest % 256);
    bytes[index] = sum % 256;
    rest = Math.floor(rest / 256) + Math.floor(sum / 256);
  }
  return addressFromBytes(bytes);
}

/** Which address of the prefix this is; undefined when it lies outside or has a number of 2³² or more. */
export function addressNumber(prefix: Prefix, address: Address): number | undefined {
  if (!prefixContains(prefix, address)) return undefined;
  const [base, bytes] = [addressBytes(splitPrefix(prefix).address), addressBytes(address)];
  let number = 0;
  for (const [index, byte] of bytes.entries()) {
    number = number * 256 + byte - (base[index] ?? 0);
    if (number >= 2 ** 32) return undefined;
  }
  return number;
}

/**
 * The addresses of a prefix that may be handed out, beginning at one that the seed chooses. The last address (IPv4:
 * broadcast) and those before number `first` are left out; of a wide prefix only the first 2^`widestBits` count.
 *
 * @param bandOf how many of that many addresses, from the first, come last; none unless given
 */
export function addressCandidates(
  prefix: Prefix,
  seed: string,
  first: number,
  widestBits: number,
  bandOf: (size: number) => number = () => 0,
): Candidates {
  const { address, length } = splitPrefix(prefix);
  const bits = Math.min(addressBits(address) - length, widestBits);
  const count = 2 ** bits - 1 - first;
  return {
    has(value) {
      const number = addressNumber(prefix, value as Address);
      return number !== undefined && number >= first && number < first + count;
    },
    *values() {
      const start = count > 0 ? hashName(seed) % count : 0;
      const base = addressBytes(address);
      for (const number of bandedTurn(count, start, bandOf(2 ** bits)))
        yield addressAfter(base, first + number);
    },
  };
}
