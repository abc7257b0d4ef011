/** A delta of elements and chains as one netlink batch: all of it happens, or nothing. */
import type { Command, SetElement } from '../../kernel/native.ts';
import { addRules, type Chain, declareChain, deleteChain, flushChain } from './chains/chain.ts';
import { type Element, toSetElements } from './element.ts';
import type { ElementDelta } from './element-store.ts';
import { TABLE_FAMILY, type TableLayout } from './table-layout.ts';

export function isEmptyDelta(delta: ElementDelta<string>): boolean {
  return [delta.deleted, delta.added, delta.chainsNeeded, delta.chainsUnused].every(
    (part) => part.length === 0,
  );
}

/**
 * Order: chains before the verdicts that lead to them, deletions before additions (a key may be in both), and chains
 * go last, when no verdict leads to them any more.
 */
export function deltaCommands<Name extends string>(
  { table, chainRow }: TableLayout<Name>,
  delta: ElementDelta<Name>,
): readonly Command[] {
  const needed = delta.chainsNeeded.map(chainRow).filter((chain): chain is Chain => chain !== undefined);
  return [
    ...needed.map((chain) => declareChain(table, chain)),
    ...needed.map(({ name }) => flushChain(table, name)),
    ...needed.flatMap((chain) => addRules(table, chain)),
    ...elementCommands(table, 'delete', delta.deleted),
    ...elementCommands(table, 'add', delta.added),
    ...delta.chainsUnused.flatMap((name) => [flushChain(table, name), deleteChain(table, name)]),
  ];
}

function elementCommands(
  table: string,
  verb: 'add' | 'delete',
  elements: readonly Element<string>[],
): readonly Command[] {
  const bySet = new Map<string, SetElement[]>();
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
      table,
      set,
      elements: list,
    }),
  );
}

/** The kernel finds an element by its key alone. */
function keyOf({ set, key, keyEnd, behind }: Element<string>): Element<string> {
  return {
    set,
    key,
    ...(keyEnd === undefined ? {} : { keyEnd }),
    ...(behind === undefined ? {} : { behind }),
  };
}
