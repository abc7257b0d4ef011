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

/** Addresses that are closed, and those that are open although their network is closed. */
export interface Closing {
  readonly closed: ReadonlySet<Address>;
  readonly known: ReadonlySet<Address>;
}

export interface ClosedTable {
  /** Closes these as well. Rejects with a DataplaneError. */
  close(addresses: Iterable<Address>): Promise<void>;
  /** These are closed or open, and no others. Rejects with a DataplaneError; then the next call tries again. */
  set(closing: Closing): Promise<void>;
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
  closing: Closing;
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
    closing: { closed: new Set(), known: new Set() },
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
    close: (addresses) =>
      write(state, { ...state.closing, closed: new Set([...state.closing.closed, ...addresses]) }),
    // Where no network is closed all the others are open anyway.
    set: ({ closed, known }) => write(state, { closed, known: networks.length === 0 ? new Set() : known }),
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

async function write(state: State, closing: Closing): Promise<void> {
  const before = state.closing;
  state.closing = closing;
  const delta = state.store.exchange(elementsBeside(closing, before), elementsBeside(before, closing));
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

/** What `closing` has and the other has not. */
function elementsBeside(other: Closing, closing: Closing): readonly Element<PolicySet>[] {
  return [
    ...[...closing.closed.difference(other.closed)].map((address) => subjectElement(address, CLOSED_CLASS)),
    ...[...closing.known.difference(other.known)].map(ownElement),
  ];
}

function isOurTable({ table }: { readonly table: string }): boolean {
  return table === CLOSED_TABLE.table;
}
