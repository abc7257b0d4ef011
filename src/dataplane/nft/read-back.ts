/** What the kernel holds of our table now. */
import type { Nftables } from '../../kernel/native.ts';
import { type Element, elementIdentity, fromSetElements, numberFromKey } from './element.ts';
import { SETS, type SetName, TABLE, TABLE_FAMILY } from './layout.ts';

export interface Observed {
  /** False: there is no such table. */
  readonly exists: boolean;
  readonly sets: ReadonlyMap<SetName, ReadonlyMap<string, Element>>;
  /** Rules per chain. */
  readonly chains: ReadonlyMap<string, number>;
  /** Digest of the skeleton in place; null when there is none or it is ambiguous. */
  readonly skeleton: number | null;
}

const NOTHING: Observed = { exists: false, sets: new Map(), chains: new Map(), skeleton: null };

export async function readBack(nft: Nftables): Promise<Observed> {
  const tables = await nft.listTables();
  if (!tables.some(({ family, table }) => family === TABLE_FAMILY && table === TABLE)) return NOTHING;
  const present = new Set((await nft.listSets(TABLE_FAMILY, TABLE)).map(({ set }) => set));
  const sets = new Map<SetName, ReadonlyMap<string, Element>>();
  for (const set of SETS.keys()) if (present.has(set)) sets.set(set, await readSet(nft, set));
  const marks = [...(sets.get('skeleton')?.values() ?? [])];
  const [mark] = marks;
  return {
    exists: true,
    sets,
    chains: await countRules(nft),
    skeleton: mark !== undefined && marks.length === 1 ? numberFromKey(mark.key, 0) : null,
  };
}

async function readSet(nft: Nftables, set: SetName): Promise<ReadonlyMap<string, Element>> {
  const raw = await nft.listElements(TABLE_FAMILY, TABLE, set, { encoding: 'binary' });
  return new Map(fromSetElements(set, raw).map((element) => [elementIdentity(element), element]));
}

async function countRules(nft: Nftables): Promise<ReadonlyMap<string, number>> {
  const chains = new Map<string, number>();
  for (const { chain } of await nft.listChains(TABLE_FAMILY, TABLE)) chains.set(chain, 0);
  for (const { chain } of await nft.listRules(TABLE_FAMILY, TABLE))
    chains.set(chain, (chains.get(chain) ?? 0) + 1);
  return chains;
}
