/** Membership of addresses in many prefixes: one probe per distinct prefix length instead of one per prefix. */
import { type Address, type Family, familyOf, type Prefix, prefixOf, splitPrefix } from '../model/address.ts';

/** Prefixes, arranged for `prefixSetHas`. */
export interface PrefixSet {
  readonly prefixes: ReadonlySet<Prefix>;
  readonly lengths: Readonly<Record<Family, readonly number[]>>;
  /** Answers given before: a trace asks about the same few addresses again and again. */
  readonly answers: Map<Address, boolean>;
}

/** Arranges the prefixes of a row list. */
export function prefixSet(prefixes: Iterable<Prefix>): PrefixSet {
  const all = new Set(prefixes);
  const lengths = { IPv4: new Set<number>(), IPv6: new Set<number>() };
  for (const prefix of all) lengths[familyOf(prefix)].add(splitPrefix(prefix).length);
  return { prefixes: all, lengths: { IPv4: [...lengths.IPv4], IPv6: [...lengths.IPv6] }, answers: new Map() };
}

/** One of the prefixes contains the address. */
export function prefixSetHas(set: PrefixSet, address: Address): boolean {
  const known = set.answers.get(address);
  if (known !== undefined) return known;
  const has = set.lengths[familyOf(address)].some((length) => set.prefixes.has(prefixOf(address, length)));
  set.answers.set(address, has);
  return has;
}
