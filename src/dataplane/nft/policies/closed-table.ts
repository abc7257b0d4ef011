/**
 * What is closed beside programs on interfaces, in a table of its own: they are on interfaces that an agent found. It closes
 * pods' addresses until then, and on demand this node's pod networks but for addresses of known pods; with an agent or without.
 */
import { type Command, type Nftables, openNftables } from '../../../kernel/native.ts';
import { type Address, FAMILIES, type Prefix } from '../../../model/address.ts';
import type { Direction } from '../../../model/policy-rows.ts';
import type { Chain } from '../chains/chain.ts';
import { type Element, intervalElements } from '../element.ts';
import { compareWithKernel, createElementStore, type ElementStore } from '../element-store.ts';
import { type Observed, readBack } from '../read-back.ts';
import { refusing } from '../refusal.ts';
import { compareSkeleton, skeletonCommands } from '../skeleton.ts';
import { TABLE_FAMILY, type TableLayout } from '../table-layout.ts';
import { deltaCommands, isEmptyDelta } from '../transaction.ts';
import { readDrops } from './figures.ts';
import { closedChains } from './hook-chains.ts';
import { CLOSED_CLASS, POLICY_SETS, type PolicySet, policySet } from './layout.ts';
import { ownElement, subjectElement } from './lower.ts';

const SETS = FAMILIES.flatMap((family) => [
  policySet('subject', family),
  policySet('pod-block', family),
  policySet('own', family),
]);

export const CLOSED_TABLE: TableLayout<PolicySet> = {
  table: 'weir-closed',
  sets: new Map([...POLICY_SETS].filter(([set]) => SETS.includes(set))),
  kernelWritten: new Set(),
  chainRow: () => undefined,
};

/** Nothing passes, or what passes is others' affair although all of the address's network is closed. */
export type Standing = 'closed' | 'known';

export interface ClosedTable {
  /**
   * How these addresses stand from now on (null: as their network), and all others as before. Rejects with a DataplaneError;
   * then the next call tries again.
   */
  set(changes: ReadonlyMap<Address, Standing | null>): Promise<void>;
  /** Makes the table whole again where somebody else changed it; resolves to whether that was so. */
  repair(): Promise<boolean>;
  /** Packets that were dropped. */
  drops(): Promise<Readonly<Record<Direction, number>>>;
  /** Ends what this process holds; the table stays. */
  end(): Promise<void>;
}

interface State {
  readonly nft: Nftables;
  readonly skeleton: readonly Chain[];
  readonly store: ElementStore<PolicySet>;
  /** As the store has them. */
  readonly standings: Map<Address, Standing>;
  /** Some networks are closed: elsewhere what is known is open anyway. */
  readonly closesNetworks: boolean;
  /** Each packet pays for the table: it is made when something is to be closed for the first time. Then it stays: pods come often. */
  stands: boolean;
  /** The kernel may differ from the store. */
  uncertain: boolean;
}

/** Nothing is written before the first `set`. Rejects where netlink is refused. */
export async function openClosedTable(
  networks: readonly Prefix[],
  /** Somebody else changed the table: to be repaired. */
  onForeignChange: () => void,
  /** Path of another network namespace than the caller's. */
  netns?: string,
): Promise<ClosedTable> {
  const state: State = {
    nft: await openNftables(netns === undefined ? {} : { netns }),
    skeleton: closedChains(networks.length > 0),
    store: createElementStore(CLOSED_TABLE),
    standings: new Map(),
    closesNetworks: networks.length > 0,
    stands: false,
    uncertain: true,
  };
  state.store.fill(intervalElements((family) => policySet('pod-block', family), networks));
  const monitor = state.nft.monitor((event) => {
    const isForeign = event.lost === true || (!event.ours && event.changes.some(isOurTable));
    if (!isForeign || state.uncertain) return;
    state.uncertain = true;
    onForeignChange();
  });
  return {
    set: (changes) => write(state, changes),
    repair: async () => state.uncertain && (await reconcile(state)),
    drops: async () =>
      state.stands
        ? refusing(CLOSED_TABLE.table, () => readDrops(state.nft, CLOSED_TABLE.table, 'closed'))
        : { ingress: 0, egress: 0 },
    async end() {
      monitor.close();
      await state.nft.close();
    },
  };
}

async function write(state: State, changes: ReadonlyMap<Address, Standing | null>): Promise<void> {
  const removed: Element<PolicySet>[] = [];
  const added: Element<PolicySet>[] = [];
  for (const [address, change] of changes) {
    const standing = change === 'known' && !state.closesNetworks ? null : change;
    const before = state.standings.get(address) ?? null;
    if (standing === before) continue;
    if (before !== null) removed.push(elementOf(address, before));
    if (standing !== null) added.push(elementOf(address, standing));
    if (standing === null) state.standings.delete(address);
    else state.standings.set(address, standing);
  }
  const delta = state.store.exchange(removed, added);
  if (state.uncertain || (!state.stands && isNeeded(state))) await reconcile(state);
  else if (!isEmptyDelta(delta)) await commit(state, deltaCommands(CLOSED_TABLE, delta));
}

/** Reads everything back and writes what differs; resolves to whether anything did. */
async function reconcile(state: State): Promise<boolean> {
  const { table } = CLOSED_TABLE;
  const observed = await refusing(table, () => readBack(state.nft, CLOSED_TABLE, { learnt: false }));
  const commands = isNeeded(state) ? restoring(state, observed) : removing(observed);
  await commit(state, commands);
  state.stands = isNeeded(state);
  return commands.length > 0;
}

function restoring(state: State, observed: Observed<PolicySet>): readonly Command[] {
  const skeleton = compareSkeleton(CLOSED_TABLE, state.skeleton, observed);
  const sets = skeleton.rebuild ? new Map() : observed.sets;
  const delta = compareWithKernel(CLOSED_TABLE, state.store, sets, skeleton.rows);
  return skeletonCommands(CLOSED_TABLE, skeleton, observed, deltaCommands(CLOSED_TABLE, delta));
}

function removing({ exists }: Observed<PolicySet>): readonly Command[] {
  const { table } = CLOSED_TABLE;
  return exists ? [{ verb: 'delete', object: 'table', family: TABLE_FAMILY, table }] : [];
}

/** Something is closed. */
function isNeeded({ store }: State): boolean {
  return FAMILIES.some(
    (family) => store.count(policySet('subject', family)) + store.count(policySet('pod-block', family)) > 0,
  );
}

async function commit(state: State, commands: readonly Command[]): Promise<void> {
  state.uncertain = true;
  if (commands.length > 0) await refusing(CLOSED_TABLE.table, () => state.nft.commit(commands));
  state.uncertain = false;
}

function elementOf(address: Address, standing: Standing): Element<PolicySet> {
  return standing === 'closed' ? subjectElement(address, CLOSED_CLASS) : ownElement(address);
}

function isOurTable({ table }: { readonly table: string }): boolean {
  return table === CLOSED_TABLE.table;
}
