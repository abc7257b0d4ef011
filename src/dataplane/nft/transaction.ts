/** A delta of elements and chains as one netlink batch: all of it happens, or nothing. */
import type { Command, SetElement } from '../../kernel/native.ts';
import { addRules, type Chain, declareChain, deleteChain, flushChain } from './chains/chain.ts';
import { chainRow } from './chains/pick.ts';
import { type Element, toSetElements } from './element.ts';
import type { ElementDelta } from './element-store.ts';
import { type SetName, TABLE, TABLE_FAMILY } from './layout.ts';

export function isEmptyDelta(delta: ElementDelta): boolean {
  return [delta.deleted, delta.added, delta.chainsNeeded, delta.chainsUnused].every(
    (part) => part.length === 0,
  );
}

/**
 * Order: chains before the verdicts that lead to them, deletions before additions (a key may be in both), and chains
 * go last, when no verdict leads to them any more.
 */
export function deltaCommands(delta: ElementDelta): readonly Command[] {
  const needed = delta.chainsNeeded.map(chainRow).filter((chain): chain is Chain => chain !== undefined);
  return [
    ...needed.map(declareChain),
    ...needed.map(({ name }) => flushChain(name)),
    ...needed.flatMap(addRules),
    ...elementCommands('delete', delta.deleted),
    ...elementCommands('add', delta.added),
    ...delta.chainsUnused.flatMap((name) => [flushChain(name), deleteChain(name)]),
  ];
}

export function elementCommands(verb: 'add' | 'delete', elements: readonly Element[]): readonly Command[] {
  const bySet = new Map<SetName, SetElement[]>();
  for (const element of elements) {
    const list = bySet.get(element.set);
    const converted = toSetElements(verb === 'add' ? element : keyOf(element));
    if (list === undefined) bySet.set(element.set, [...converted]);
    else list.push(...converted);
  }
  return [...bySet].map(
    ([set, list]): Command => ({
      verb,
      object: 'elements',
      family: TABLE_FAMILY,
      table: TABLE,
      set,
      elements: list,
    }),
  );
}

/** The kernel finds an element by its key alone. */
function keyOf({ set, key, keyEnd, behind }: Element): Element {
  return {
    set,
    key,
    ...(keyEnd === undefined ? {} : { keyEnd }),
    ...(behind === undefined ? {} : { behind }),
  };
}
