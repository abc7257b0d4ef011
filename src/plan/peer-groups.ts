/** Peers that policies tell apart, before a change or after it. */
import { FAMILIES, type Family, familyOf, type Prefix, prefixOf, splitPrefix } from '../model/address.ts';
import type { PeerClassName, PeerRow } from '../model/policy-rows.ts';

type PeerRows = ReadonlyMap<Prefix, PeerRow>;

/** Addresses that are of one class before and of one class after; null: of none. */
export interface PeerGroup {
  readonly before: PeerClassName | null;
  readonly after: PeerClassName | null;
  /** A network stands for those of its addresses that no longer prefix of any group contains. */
  readonly prefixes: readonly Prefix[];
}

/** Addresses that no prefix contains are of no class, before and after, and in no group. */
export function peerGroups(before: PeerRows, after: PeerRows): readonly PeerGroup[] {
  const [classBefore, classAfter] = [classLookUp(before), classLookUp(after)];
  const groups = new Map<
    string,
    { before: PeerClassName | null; after: PeerClassName | null; prefixes: Prefix[] }
  >();
  for (const prefix of new Set([...before.keys(), ...after.keys()])) {
    const pair = { before: classBefore(prefix), after: classAfter(prefix) };
    const key = JSON.stringify([pair.before, pair.after]);
    const group = groups.get(key) ?? { ...pair, prefixes: [] };
    groups.set(key, group);
    group.prefixes.push(prefix);
  }
  return [...groups.values()];
}

/** The class of the longest prefix that contains all of a prefix. */
function classLookUp(rows: PeerRows): (prefix: Prefix) => PeerClassName | null {
  const lengths = new Map(FAMILIES.map((family) => [family, lengthsOf(rows, family)] as const));
  return (prefix) => {
    const { address, length } = splitPrefix(prefix);
    for (const candidate of lengths.get(familyOf(prefix)) ?? []) {
      if (candidate > length) continue;
      const row = rows.get(candidate === length ? prefix : prefixOf(address, candidate));
      if (row !== undefined) return row.peerClass;
    }
    return null;
  };
}

/** Longest first. */
function lengthsOf(rows: PeerRows, family: Family): readonly number[] {
  const found = new Set<number>();
  for (const prefix of rows.keys()) if (familyOf(prefix) === family) found.add(splitPrefix(prefix).length);
  return [...found].sort((a, b) => b - a);
}
