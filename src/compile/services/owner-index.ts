/** Which objects hold, want or watch a key (an address, a frontend): the reverse index behind every incremental step. */
import type { ObjectName } from '../../model/names.ts';

/** Keys, each with its owners. An owner has a key once or not at all. */
export interface OwnerIndex {
  /** The key's owners in the order they came; empty when it has none. */
  owners(key: string): readonly ObjectName[];
  has(key: string): boolean;
  /** Makes `owner` hold `after` where it held `before`; returns the keys it lost or gained. */
  replace(owner: ObjectName, before: readonly string[], after: readonly string[]): readonly string[];
}

const NONE: readonly ObjectName[] = [];

/** An empty index. A lone owner is stored bare: with 100,000 endpoints, a list around each would double the memory. */
export function createOwnerIndex(): OwnerIndex {
  const entries = new Map<string, ObjectName | readonly ObjectName[]>();

  function owners(key: string): readonly ObjectName[] {
    const entry = entries.get(key);
    if (entry === undefined) return NONE;
    return typeof entry === 'string' ? [entry] : entry;
  }

  function add(key: string, owner: ObjectName): void {
    const entry = entries.get(key);
    if (entry === undefined) entries.set(key, owner);
    else if (typeof entry === 'string') entries.set(key, [entry, owner]);
    else entries.set(key, [...entry, owner]);
  }

  function remove(key: string, owner: ObjectName): void {
    const left = owners(key).filter((other) => other !== owner);
    const [only] = left;
    if (only === undefined) entries.delete(key);
    else entries.set(key, left.length === 1 ? only : left);
  }

  return {
    owners,
    has: (key) => entries.has(key),
    replace(owner, before, after) {
      if (sameTexts(before, after)) return [];
      const lost = missingFrom(after, before);
      const gained = missingFrom(before, after);
      for (const key of lost) remove(key, owner);
      for (const key of gained) add(key, owner);
      return [...lost, ...gained];
    },
  };
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

// Each key of `keys` that is not in `others`, once.
function missingFrom(others: readonly string[], keys: readonly string[]): readonly string[] {
  if (keys.length === 0) return keys;
  const left = new Set(keys);
  for (const key of others) left.delete(key);
  return [...left];
}
