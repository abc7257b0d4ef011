/** Prefixes with single addresses taken out. */
import {
  type Address,
  addressBits,
  addressBytes,
  addressFromBytes,
  type Prefix,
  prefixContains,
  prefixOf,
  splitPrefix,
} from '../../model/address.ts';

/** Disjoint prefixes that hold the addresses of `prefixes` (disjoint and sorted too) but for those of `holes`; sorted. */
export function prefixesWithout(prefixes: readonly Prefix[], holes: readonly Address[]): readonly Prefix[] {
  return prefixes.flatMap((prefix) =>
    without(
      prefix,
      holes.filter((hole) => prefixContains(prefix, hole)),
    ),
  );
}

// Halves that have no hole stay whole, so the work is that of the holes, whatever the size of the prefix.
function without(prefix: Prefix, holes: readonly Address[]): readonly Prefix[] {
  const { address, length } = splitPrefix(prefix);
  if (holes.length === 0) return [prefix];
  if (length === addressBits(address)) return [];
  const inUpper = (hole: Address) => bitOf(hole, length) === 1;
  return [
    ...without(
      prefixOf(address, length + 1),
      holes.filter((hole) => !inUpper(hole)),
    ),
    ...without(upperHalf(address, length), holes.filter(inUpper)),
  ];
}

function upperHalf(address: Address, length: number): Prefix {
  const bytes = addressBytes(address);
  bytes[length >> 3] = (bytes[length >> 3] ?? 0) | (0x80 >> (length & 7));
  return prefixOf(addressFromBytes(bytes), length + 1);
}

function bitOf(address: Address, bit: number): 0 | 1 {
  return ((addressBytes(address)[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) === 0 ? 0 : 1;
}
