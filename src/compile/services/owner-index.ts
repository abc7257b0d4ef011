/** Which objects hold, want or watch a key (an address, a frontend): the reverse index behind every incremental step. */
import type { ObjectName } from '../../model/names.ts';

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
    const current = owners(key);
    entries.set(key, current.length === 0 ? owner : [...current, owner]);
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
      const [old, next] = [new Set(before), new Set(after)];
      const lost = [...old].filter((key) => !next.has(key));
      const gained = [...next].filter((key) => !old.has(key));
      for (const key of lost) remove(key, owner);
      for (const key of gained) add(key, owner);
      return [...lost, ...gained];
    },
  };
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}
