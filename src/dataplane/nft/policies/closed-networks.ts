/**
 * This node's pod networks, closed but for addresses of known pods, in a table of its own. Programs are on interfaces that an
 * agent found: beside them this closes those that come while none runs.
 */
import { type Command, type Nftables, openNftables } from '../../../kernel/native.ts';
import { type Address, FAMILIES, familyOf, type Prefix } from '../../../model/address.ts';
import type { Direction } from '../../../model/policy-rows.ts';
import type { Chain } from '../chains/chain.ts';
import { addressKey, type Element, intervalElements } from '../element.ts';
import { compareWithKernel, createElementStore, type ElementStore } from '../element-store.ts';
import { readBack } from '../read-back.ts';
import { refusing } from '../refusal.ts';
import { compareSkeleton, skeletonCommands } from '../skeleton.ts';
import type { TableLayout } from '../table-layout.ts';
import { deltaCommands, isEmptyDelta } from '../transaction.ts';
import { readDrops } from './figures.ts';
import { closedChains } from './hook-chains.ts';
import { POLICY_SETS, type PolicySet, policySet } from './layout.ts';

const SETS = FAMILIES.flatMap((family) => [policySet('pod-block', family), policySet('own', family)]);

export const CLOSED_TABLE: TableLayout<PolicySet> = {
  table: 'weir-closed',
  sets: new Map([...POLICY_SETS].filter(([set]) => SETS.includes(set))),
  kernelWritten: new Set(),
  chainRow: () => undefined,
};

export interface ClosedNetworks {
  /** These addresses of the networks are open, and no others. Rejects with a DataplaneError; then the next call tries again. */
  open(addresses: Iterable<Address>): Promise<void>;
  /** Makes the table whole again where somebody else changed it; resolves to whether that was so. */
  repair(): Promise<boolean>;
  /** Packets that were dropped. */
  drops(): Promise<Readonly<Record<Direction, number>>>;
  close(): Promise<void>;
}

interface State {
  readonly nft: Nftables;
  readonly skeleton: readonly Chain[];
  readonly store: ElementStore<PolicySet>;
  /** As the store has them. */
  known: ReadonlySet<Address>;
  /** The kernel may differ from the store. */
  uncertain: boolean;
}

/** Nothing is written before the first `open`. Rejects where netlink is refused. */
export async function openClosedNetworks(
  networks: readonly Prefix[],
  /** Somebody else changed the table: to be repaired. */
  onForeignChange: () => void,
): Promise<ClosedNetworks> {
  const state: State = {
    nft: await openNftables(),
    skeleton: closedChains(),
    store: createElementStore(CLOSED_TABLE),
    known: new Set(),
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
    async open(addresses) {
      const known = new Set(addresses);
      const delta = state.store.exchange(
        [...state.known].filter((address) => !known.has(address)).map(ownElement),
        [...known].filter((address) => !state.known.has(address)).map(ownElement),
      );
      state.known = known;
      if (state.uncertain) await reconcile(state);
      else if (!isEmptyDelta(delta)) await commit(state, deltaCommands(CLOSED_TABLE, delta));
    },
    repair: async () => state.uncertain && (await reconcile(state)),
    drops: () => refusing(CLOSED_TABLE.table, () => readDrops(state.nft, CLOSED_TABLE.table, 'closed')),
    async close() {
      monitor.close();
      await state.nft.close();
    },
  };
}

/** Reads everything back and writes what differs; resolves to whether anything did. */
async function reconcile(state: State): Promise<boolean> {
  const observed = await refusing(CLOSED_TABLE.table, () =>
    readBack(state.nft, CLOSED_TABLE, { learnt: false }),
  );
  const skeleton = compareSkeleton(CLOSED_TABLE, state.skeleton, observed);
  const sets = skeleton.rebuild ? new Map() : observed.sets;
  const delta = compareWithKernel(CLOSED_TABLE, state.store, sets, skeleton.rows);
  const rows = deltaCommands(CLOSED_TABLE, delta);
  const commands = skeletonCommands(CLOSED_TABLE, skeleton, observed, rows);
  await commit(state, commands);
  return commands.length > 0;
}

async function commit(state: State, commands: readonly Command[]): Promise<void> {
  state.uncertain = true;
  if (commands.length > 0) await refusing(CLOSED_TABLE.table, () => state.nft.commit(commands));
  state.uncertain = false;
}

function ownElement(address: Address): Element<PolicySet> {
  return { set: policySet('own', familyOf(address)), key: addressKey(address) + addressKey(address) };
}

function isOurTable({ table }: { readonly table: string }): boolean {
  return table === CLOSED_TABLE.table;
}
