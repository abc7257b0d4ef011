/** What the kernel holds of our table now. */
import type { Expression, ListedChain, Nftables, SetSpec } from '../../kernel/native.ts';
import { type Element, elementIdentity, fromSetElements } from './element.ts';
import { KERNEL_WRITTEN, SETS, type SetName, TABLE, TABLE_FAMILY } from './layout.ts';

export interface ObservedChain {
  readonly base: ListedChain['base'];
  readonly rules: readonly (readonly Expression[])[];
}

export interface Observed {
  /** False: there is no such table. */
  readonly exists: boolean;
  readonly specs: ReadonlyMap<string, SetSpec>;
  readonly sets: ReadonlyMap<SetName, ReadonlyMap<string, Element>>;
  readonly chains: ReadonlyMap<string, ObservedChain>;
}

const NOTHING: Observed = { exists: false, specs: new Map(), sets: new Map(), chains: new Map() };

/**
 * Reads the whole table; `learnt`: also what the kernel wrote into it, which no comparison needs. Rejects with an NftError.
 */
export async function readBack(nft: Nftables, { learnt }: { learnt: boolean }): Promise<Observed> {
  const tables = await nft.listTables();
  if (!tables.some(({ family, table }) => family === TABLE_FAMILY && table === TABLE)) return NOTHING;
  const listed = await nft.listSets(TABLE_FAMILY, TABLE);
  const specs = new Map(listed.map(({ set, spec }) => [set, spec]));
  const sets = new Map<SetName, ReadonlyMap<string, Element>>();
  for (const set of SETS.keys()) {
    const wanted = learnt || !KERNEL_WRITTEN.has(set);
    if (wanted && specs.has(set)) sets.set(set, await readSet(nft, set));
  }
  return { exists: true, specs, sets, chains: await readChains(nft) };
}

async function readSet(nft: Nftables, set: SetName): Promise<ReadonlyMap<string, Element>> {
  const raw = await nft.listElements(TABLE_FAMILY, TABLE, set, { encoding: 'binary' });
  return new Map(fromSetElements(set, raw).map((element) => [elementIdentity(element), element]));
}

async function readChains(nft: Nftables): Promise<ReadonlyMap<string, ObservedChain>> {
  const rules = new Map<string, (readonly Expression[])[]>();
  for (const { chain, expressions } of await nft.listRules(TABLE_FAMILY, TABLE)) {
    const list = rules.get(chain);
    if (list === undefined) rules.set(chain, [expressions]);
    else list.push(expressions);
  }
  const chains = await nft.listChains(TABLE_FAMILY, TABLE);
  return new Map(chains.map(({ chain, base }) => [chain, { base, rules: rules.get(chain) ?? [] }]));
}
