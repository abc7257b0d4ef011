/**
 * Addresses that no known prefix holds. Pods come and go by the thousand, but nearly always inside their node's podCIDR:
 * only the strays make a node-wide list longer, so only they cost a merge of prefixes.
 */
import { type Address, type Prefix, prefixOf, splitPrefix } from '../../model/address.ts';

/** A set of addresses with holders, of which only those outside the known prefixes are listed. */
export interface StrayAddresses {
  /** Sets the known prefixes; looks at all addresses again if they differ from before. */
  cover(prefixes: readonly Prefix[]): void;
  /** One more holder of the address. */
  add(address: Address): void;
  /** One holder fewer; the address goes with its last one. */
  remove(address: Address): void;
  list(): readonly Address[];
  /** Whether the list has changed since this was asked last. */
  takeChanged(): boolean;
}

/** No address, and no known prefix. */
export function createStrayAddresses(): StrayAddresses {
  const holders = new Map<Address, number>();
  const strays = new Set<Address>();
  let known: ReadonlySet<Prefix> = new Set();
  let lengths: readonly number[] = [];
  let changed = false;

  const isKnown = (address: Address): boolean =>
    lengths.some((length) => known.has(prefixOf(address, length)));

  return {
    cover(prefixes) {
      const next = new Set(prefixes);
      if (next.size === known.size && prefixes.every((prefix) => known.has(prefix))) return;
      known = next;
      lengths = [...new Set(prefixes.map((prefix) => splitPrefix(prefix).length))];
      strays.clear();
      for (const address of holders.keys()) if (!isKnown(address)) strays.add(address);
      changed = true;
    },
    add(address) {
      const count = holders.get(address) ?? 0;
      holders.set(address, count + 1);
      if (count > 0 || isKnown(address)) return;
      strays.add(address);
      changed = true;
    },
    remove(address) {
      const count = (holders.get(address) ?? 0) - 1;
      if (count > 0) {
        holders.set(address, count);
        return;
      }
      holders.delete(address);
      if (strays.delete(address)) changed = true;
    },
    list: () => [...strays],
    takeChanged() {
      const answer = changed;
      changed = false;
      return answer;
    },
  };
}
