/** What the kernel holds of our table now. */
import type { Expression, ListedChain, Nftables, SetSpec } from '../../kernel/native.ts';
import { type Element, elementIdentity, fromSetElements } from './element.ts';
import type { SetName } from './layout.ts';
import { TABLE_FAMILY, type TableLayout } from './table-layout.ts';

export interface ObservedChain {
  readonly base: ListedChain['base'];
  readonly rules: readonly (readonly Expression[])[];
}

export interface Observed<Name extends string = SetName> {
  /** False: there is no such table. */
  readonly exists: boolean;
  readonly specs: ReadonlyMap<string, SetSpec>;
  readonly sets: ReadonlyMap<Name, ReadonlyMap<string, Element<Name>>>;
  readonly chains: ReadonlyMap<string, ObservedChain>;
}

/**
 * Reads the whole table; `learnt`: also what the kernel wrote into it, which no comparison needs. Rejects with an NftError.
 */
export async function readBack<Name extends string>(
  nft: Nftables,
  layout: TableLayout<Name>,
  { learnt }: { learnt: boolean },
): Promise<Observed<Name>> {
  const tables = await nft.listTables();
  if (!tables.some(({ family, table }) => family === TABLE_FAMILY && table === layout.table))
    return { exists: false, specs: new Map(), sets: new Map(), chains: new Map() };
  const listed = await nft.listSets(TABLE_FAMILY, layout.table);
  const specs = new Map(listed.map(({ set, spec }) => [set, spec]));
  const sets = new Map<Name, ReadonlyMap<string, Element<Name>>>();
  for (const set of layout.sets.keys()) {
    const wanted = learnt || !layout.kernelWritten.has(set);
    if (wanted && specs.has(set)) sets.set(set, await readSet(nft, layout, set));
  }
  return { exists: true, specs, sets, chains: await readChains(nft, layout.table) };
}

async function readSet<Name extends string>(
  nft: Nftables,
  layout: TableLayout<Name>,
  set: Name,
): Promise<ReadonlyMap<string, Element<Name>>> {
  const raw = await nft.listElements(TABLE_FAMILY, layout.table, set, { encoding: 'binary' });
  return new Map(fromSetElements(layout, set, raw).map((element) => [elementIdentity(element), element]));
}

async function readChains(nft: Nftables, table: string): Promise<ReadonlyMap<string, ObservedChain>> {
  const rules = new Map<string, (readonly Expression[])[]>();
  for (const { chain, expressions } of await nft.listRules(TABLE_FAMILY, table)) {
    const list = rules.get(chain);
    if (list === undefined) rules.set(chain, [expressions]);
    else list.push(expressions);
  }
  const chains = await nft.listChains(TABLE_FAMILY, table);
  return new Map(chains.map(({ chain, base }) => [chain, { base, rules: rules.get(chain) ?? [] }]));
}
