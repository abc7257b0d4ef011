/**
 * The elements that should be in the kernel, counted by their users: two services may need the same one (a local
 * backend), and it goes with the last. Chains that are rows are counted in the same way, by the verdicts to them.
 */
import { type Element, elementChain, elementIdentity, elementValue } from './element.ts';
import type { SetName } from './layout.ts';
import type { TableLayout } from './table-layout.ts';

/** What to write so that the kernel follows: deletions come before additions. */
export interface ElementDelta<Name extends string = SetName> {
  readonly deleted: readonly Element<Name>[];
  readonly added: readonly Element<Name>[];
  /** Names of chain rows that now have their first user, or lost their last. */
  readonly chainsNeeded: readonly string[];
  readonly chainsUnused: readonly string[];
}

export interface ElementStore<Name extends string = SetName> {
  /** Takes users of elements away and adds others; returns what that changes in sum. */
  exchange(removed: readonly Element<Name>[], added: readonly Element<Name>[]): ElementDelta<Name>;
  /** Like `exchange` into an empty store, but tells nothing: the kernel is compared with the whole. */
  fill(elements: Iterable<Element<Name>>): void;
  elements(set: Name): Iterable<Element<Name>>;
  count(set: Name): number;
  chains(): ReadonlySet<string>;
}

interface Counted<Name extends string> {
  readonly element: Element<Name>;
  users: number;
}

export function createElementStore<Name extends string>(layout: TableLayout<Name>): ElementStore<Name> {
  const sets = new Map<Name, Map<string, Counted<Name>>>(
    [...layout.sets.keys()].map((set) => [set, new Map()]),
  );
  const chainUsers = new Map<string, number>();

  const before = new Map<Name, Map<string, Element<Name> | undefined>>();
  const remember = (element: Element<Name>, identity: string, current: Element<Name> | undefined) => {
    const set = before.get(element.set) ?? new Map<string, Element<Name> | undefined>();
    before.set(element.set, set);
    if (!set.has(identity)) set.set(identity, current);
  };

  const release = (element: Element<Name>) => {
    const set = setOf(sets, element.set);
    const identity = elementIdentity(element);
    const entry = set.get(identity);
    if (entry === undefined) return;
    if (entry.users > 1) entry.users -= 1;
    else {
      remember(element, identity, entry.element);
      set.delete(identity);
    }
  };
  const acquire = (element: Element<Name>, remembered = true) => {
    const set = setOf(sets, element.set);
    const identity = elementIdentity(element);
    const entry = set.get(identity);
    if (entry !== undefined && elementValue(entry.element) === elementValue(element)) entry.users += 1;
    else {
      if (remembered) remember(element, identity, entry?.element);
      // Where two users disagree the latest is right, and the other one's end must not take it away.
      set.set(identity, { element, users: (entry?.users ?? 0) + 1 });
    }
  };

  return {
    exchange(removed, added) {
      before.clear();
      for (const element of removed) release(element);
      for (const element of added) acquire(element);
      const change = netChange(before, sets);
      return { ...change, ...countChains(layout, chainUsers, change) };
    },
    fill(elements) {
      for (const element of elements) acquire(element, false);
      for (const set of sets.values())
        for (const { element } of set.values()) {
          const chain = elementChain(element);
          if (chain !== undefined && layout.chainRow(chain) !== undefined)
            chainUsers.set(chain, (chainUsers.get(chain) ?? 0) + 1);
        }
    },
    *elements(set) {
      for (const { element } of setOf(sets, set).values()) yield element;
    },
    count: (set) => setOf(sets, set).size,
    chains: () => new Set(chainUsers.keys()),
  };
}

/** What turns the observed elements into the wanted ones, and the chains that are missing or to spare. */
export function compareWithKernel<Name extends string>(
  layout: TableLayout<Name>,
  wanted: ElementStore<Name>,
  observed: ReadonlyMap<Name, ReadonlyMap<string, Element<Name>>>,
  /** Chain rows that were read back: whether they can stay as they are. */
  observedChains: ReadonlyMap<string, boolean>,
): ElementDelta<Name> {
  const deleted: Element<Name>[] = [];
  const added: Element<Name>[] = [];
  for (const set of layout.sets.keys()) {
    if (layout.kernelWritten.has(set)) continue;
    const present = observed.get(set) ?? new Map<string, Element<Name>>();
    const kept = new Set<string>();
    for (const element of wanted.elements(set)) {
      const identity = elementIdentity(element);
      const current = present.get(identity);
      if (current !== undefined) kept.add(identity);
      if (current !== undefined && isSame(current, element)) continue;
      if (current !== undefined) deleted.push(current);
      added.push(element);
    }
    for (const [identity, element] of present) if (!kept.has(identity)) deleted.push(element);
  }
  const needed = wanted.chains();
  return {
    deleted,
    added,
    chainsNeeded: [...needed].filter((name) => observedChains.get(name) !== true),
    chainsUnused: [...observedChains.keys()].filter((name) => !needed.has(name)),
  };
}

function isSame(current: Element<string>, wanted: Element<string>): boolean {
  return elementValue(current) === elementValue(wanted) && current.comment === wanted.comment;
}

function netChange<Name extends string>(
  before: ReadonlyMap<Name, ReadonlyMap<string, Element<Name> | undefined>>,
  sets: ReadonlyMap<Name, ReadonlyMap<string, Counted<Name>>>,
): Pick<ElementDelta<Name>, 'deleted' | 'added'> {
  const deleted: Element<Name>[] = [];
  const added: Element<Name>[] = [];
  for (const [name, touched] of before) {
    for (const [identity, old] of touched) {
      const now = setOf(sets, name).get(identity)?.element;
      if (old !== undefined && now !== undefined && isSame(old, now)) continue;
      if (old !== undefined) deleted.push(old);
      if (now !== undefined) added.push(now);
    }
  }
  return { deleted, added };
}

function countChains<Name extends string>(
  { chainRow }: TableLayout<Name>,
  users: Map<string, number>,
  { deleted, added }: Pick<ElementDelta<Name>, 'deleted' | 'added'>,
): Pick<ElementDelta, 'chainsNeeded' | 'chainsUnused'> {
  const touched = new Map<string, number>();
  const count = (element: Element<Name>, difference: 1 | -1) => {
    const chain = elementChain(element);
    if (chain === undefined || chainRow(chain) === undefined) return;
    if (!touched.has(chain)) touched.set(chain, users.get(chain) ?? 0);
    users.set(chain, (users.get(chain) ?? 0) + difference);
  };
  for (const element of deleted) count(element, -1);
  for (const element of added) count(element, 1);
  const now = (chain: string) => users.get(chain) ?? 0;
  const chainsNeeded = [...touched]
    .filter(([chain, was]) => was === 0 && now(chain) > 0)
    .map(([chain]) => chain);
  const chainsUnused = [...touched]
    .filter(([chain, was]) => was > 0 && now(chain) === 0)
    .map(([chain]) => chain);
  for (const [chain] of touched) if (now(chain) === 0) users.delete(chain);
  return { chainsNeeded, chainsUnused };
}

function setOf<Name extends string, V>(sets: ReadonlyMap<Name, V>, name: Name): V {
  const set = sets.get(name);
  if (set === undefined) throw new Error(`no set ${name} in the layout`);
  return set;
}
