/**
 * The table of peers: which class an address has, now and in the revision to come. A removed prefix stays in the table
 * until `settle`, with the class of the shorter prefix around it, as if it were gone already.
 */
import type { Peer, PeerKey } from '../../../generated/policy.ts';
import { type Family, familyOf, type Prefix, prefixOf, splitPrefix } from '../../../model/address.ts';
import { mappedPrefix, unmappedPrefix } from '../mapped-address.ts';

export type PeerEntry = readonly [PeerKey, Peer];

export interface PeerClasses {
  /** Numbers by prefix, as the current revision has them. */
  readonly current: ReadonlyMap<Prefix, number>;
  /**
   * Entries to write so that the next revision has these classes (null: no such prefix); the current one keeps its own.
   * `revision` is the current one. Until `commit`, staging again starts from the same state.
   */
  stage(changes: ReadonlyMap<Prefix, number | null>, revision: number): readonly PeerEntry[];
  /** The revision that was staged last is the current one now. */
  commit(): void;
  /** What only the revision before needed: entries to write with the current class twice, and prefixes to delete. */
  settle(): { readonly entries: readonly PeerEntry[]; readonly gone: readonly PeerKey[] };
}

/** `installed`: the table as it is; `revision`: the current one. */
export function createPeerClasses(installed: readonly PeerEntry[], revision: number): PeerClasses {
  const current = new Map<Prefix, number>();
  const lengths: Lengths = { IPv4: [], IPv6: [] };
  // Prefixes whose two slots may differ, and those that are in the table although the current revision has none.
  const unsettled = new Set<Prefix>();
  let staged: ReadonlyMap<Prefix, number | null> = new Map();
  for (const [key, { peerClass }] of installed) {
    const prefix = unmappedPrefix(key);
    current.set(prefix, peerClass[revision & 1 ? 1 : 0]);
    addLength(lengths, prefix);
    if (peerClass[0] !== peerClass[1]) unsettled.add(prefix);
  }

  const classOf = (prefix: Prefix, changes: ReadonlyMap<Prefix, number | null>): number =>
    classAround(
      prefix,
      lengths,
      (around) => (changes.has(around) ? changes.get(around) : current.get(around)) ?? null,
    );

  return {
    current,
    stage(changes, from) {
      staged = changes;
      for (const prefix of changes.keys()) {
        unsettled.add(prefix);
        addLength(lengths, prefix);
      }
      return [...unsettled].map((prefix) => [
        mappedPrefix(prefix),
        { peerClass: slots(from, classOf(prefix, UNCHANGED), classOf(prefix, staged)) },
      ]);
    },
    commit() {
      const before = new Map([...unsettled].map((prefix) => [prefix, classOf(prefix, UNCHANGED)] as const));
      for (const [prefix, peerClass] of staged) {
        if (peerClass === null) current.delete(prefix);
        else current.set(prefix, peerClass);
      }
      staged = UNCHANGED;
      for (const [prefix, peerClass] of before)
        if (current.get(prefix) === peerClass) unsettled.delete(prefix);
    },
    settle() {
      const gone = [...unsettled].filter((prefix) => !current.has(prefix)).map(mappedPrefix);
      const entries = [...unsettled].flatMap((prefix): PeerEntry[] => {
        const peerClass = current.get(prefix);
        return peerClass === undefined ? [] : [[mappedPrefix(prefix), { peerClass: [peerClass, peerClass] }]];
      });
      unsettled.clear();
      return { entries, gone };
    },
  };
}

/** Lengths that occur, the longest first: a search for the prefix around another tries no others. */
type Lengths = Readonly<Record<Family, number[]>>;

function addLength(lengths: Lengths, prefix: Prefix): void {
  const [own, { length }] = [lengths[familyOf(prefix)], splitPrefix(prefix)];
  if (!own.includes(length)) own.splice(own.findLastIndex((other) => other > length) + 1, 0, length);
}

/** The class of the longest prefix that has one: nearly always the prefix's own. */
function classAround(prefix: Prefix, lengths: Lengths, classAt: (around: Prefix) => number | null): number {
  const own = classAt(prefix);
  if (own !== null) return own;
  const { address, length } = splitPrefix(prefix);
  for (const shorter of lengths[familyOf(prefix)]) {
    const found = shorter < length ? classAt(prefixOf(address, shorter)) : null;
    if (found !== null) return found;
  }
  return 0;
}

const UNCHANGED: ReadonlyMap<Prefix, null> = new Map();

/** A value for the current revision and one for the next, each in the slot that the lowest bit of its revision names. */
export function slots<Value>(revision: number, now: Value, next: Value): readonly [Value, Value] {
  return revision & 1 ? [next, now] : [now, next];
}
