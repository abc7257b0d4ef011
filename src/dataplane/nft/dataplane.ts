/** The nft backend: rows in, netlink batches out. docs/nftables.md tells how the table is arranged. */

import type { ConntrackFilter } from '../../kernel/conntrack.ts';
import { type Command, type Nftables, openNftables } from '../../kernel/native.ts';
import type { Port } from '../../model/names.ts';
import type { Rows, RowsChange, ServiceId } from '../../model/rows.ts';
import {
  type ApplyReport,
  type Dataplane,
  DataplaneError,
  type DataplaneStatus,
  TOO_LARGE,
} from '../dataplane.ts';
import type { Chain } from './chains/chain.ts';
import { compareWithKernel, type ElementDelta } from './element-store.ts';
import { createFlowCleanup, type FlowCleanup } from './flow-cleanup.ts';
import { type InstalledRows, installedRows, inverseOf } from './installed-rows.ts';
import { SETS, TABLE } from './layout.ts';
import { serviceTag } from './lower-service.ts';
import { type Observed, readBack } from './read-back.ts';
import { refusing } from './refusal.ts';
import { observedFlows, servedFlows } from './served-flows.ts';
import { createServiceNumbers, type ServiceNumbers } from './service-numbers.ts';
import { SERVICE_TABLE } from './service-table.ts';
import { buildSkeleton, compareSkeleton, SKELETON_VERSION, skeletonCommands } from './skeleton.ts';
import { staleFlows } from './stale-flows.ts';
import { takesTimeouts } from './timeout-support.ts';
import { deltaCommands, isEmptyDelta } from './transaction.ts';

export interface NftDataplaneOptions {
  /** Told of what is worth a line but stops nothing. */
  readonly log: { warn(details: object, message: string): void };
  readonly nodePortRange: readonly [Port, Port];
  /** Path of the network namespace to work in; this process's own without it. */
  readonly netns?: string;
}

interface State {
  readonly nft: Nftables;
  readonly flows: FlowCleanup;
  readonly skeleton: readonly Chain[];
  /** Unanswered connections can be tried elsewhere. */
  readonly retries: boolean;
  /** null until the first sync. */
  installed: InstalledRows | null;
  numbers: ServiceNumbers | null;
  /** The kernel may differ from `installed`: the next change reads everything back. */
  uncertain: boolean;
  /** The kernel's ruleset generation at which our table is as `installed`; every change of any table raises it by one. */
  generation: number;
  /** The generation that was there when our table was last read back. */
  readAtGeneration: number;
  readings: number;
  repairs: number;
  /** null until the first sync: notices of its own elements would only cost. */
  monitor: { close(): void } | null;
  readonly listeners: Set<() => void>;
}

const NO_RETRIES = {
  feature: 'retries of TCP connections that come as packets',
  why: 'the kernel has no timeouts of connections: NF_CONNTRACK_TIMEOUT',
};

const NO_DELTA: ElementDelta = { deleted: [], added: [], chainsNeeded: [], chainsUnused: [] };

/** Opens the backend; nothing is read or written before the first `sync`. Rejects where netlink is refused. */
export async function openNftDataplane(options: NftDataplaneOptions): Promise<Dataplane> {
  const nft = await openNftables(options.netns === undefined ? {} : { netns: options.netns });
  const retries = await takesTimeouts(nft);
  const state: State = {
    nft,
    flows: createFlowCleanup(options),
    skeleton: buildSkeleton({ nodePortRange: options.nodePortRange, retries }),
    retries,
    installed: null,
    numbers: null,
    uncertain: true,
    generation: 0,
    readAtGeneration: 0,
    readings: 0,
    repairs: 0,
    monitor: null,
    listeners: new Set(),
  };
  return {
    sync: (rows) => sync(state, rows),
    apply: (change, mostElements = Infinity) => apply(state, change, mostElements),
    onForeignChange: (listener) => void state.listeners.add(listener),
    repair: () => repair(state),
    status: () => status(state),
    settled: () => state.flows.settled(),
    async close() {
      state.monitor?.close();
      await state.flows.settled();
      await nft.close();
    },
  };
}

function noticeForeignChange(state: State): void {
  state.uncertain = true;
  for (const listener of state.listeners) listener();
}

/** Hears what others do to our table from now on. */
function watch(state: State): State['monitor'] {
  return state.nft.monitor((event) => {
    const touchesOurs = event.changes.some(({ table }) => table === TABLE);
    if (event.lost === true || (!event.ours && touchesOurs)) noticeForeignChange(state);
    // Other tables, that of policies among them: ours is as it was.
    else if (!touchesOurs && event.generation > state.readAtGeneration) state.generation += 1;
  });
}

async function sync(state: State, rows: Rows): Promise<ApplyReport> {
  const result = await reconcile(state, rows);
  if (state.monitor !== null) return result;
  state.monitor = watch(state);
  if ((await refusing(TABLE, () => state.nft.generation())) === state.generation) return result;
  // Nobody listened until now: mostly it was another table, such as that of policies, which begins at the same time.
  const { bytes } = await reconcile(state, rows);
  if (bytes > 0) state.repairs += 1;
  return result;
}

/** Reads everything back and writes what differs. */
async function reconcile(state: State, rows: Rows): Promise<ApplyReport> {
  const startedAt = performance.now();
  state.uncertain = true;
  state.generation = await refusing(TABLE, () => state.nft.generation());
  state.readAtGeneration = state.generation;
  state.readings += 1;
  const observed = await refusing(TABLE, () =>
    readBack(state.nft, SERVICE_TABLE, { learnt: state.numbers === null }),
  );
  state.numbers ??= createServiceNumbers(observed.sets);
  state.installed = installedRows(rows, state.numbers);
  const { store } = state.installed;
  const skeleton = compareSkeleton(SERVICE_TABLE, state.skeleton, observed);
  const delta = compareWithKernel(
    SERVICE_TABLE,
    store,
    skeleton.rebuild ? new Map() : observed.sets,
    skeleton.rows,
  );
  const commands = skeletonCommands(SERVICE_TABLE, skeleton, observed, deltaCommands(SERVICE_TABLE, delta));
  const bytes = await commit(state, commands);
  state.uncertain = false;
  if (bytes > 0) state.generation += 1;
  state.flows.forget(filtersAfterSync(state.installed, observed));
  return report(state, startedAt, delta, bytes);
}

async function apply(state: State, change: RowsChange, mostElements: number): Promise<ApplyReport> {
  const { installed } = state;
  if (installed === null) throw notSynced();
  const startedAt = performance.now();
  const before = new Map([...change.services.keys()].map((id) => [id, flowsOf(installed, id)]));
  const inverse = inverseOf(change, installed.rows());
  const delta = installed.change(change);
  try {
    if (state.uncertain) return await sync(state, installed.rows());
    if (delta.added.length + delta.deleted.length > mostElements) throw tooLarge(mostElements);
    state.uncertain = true;
    const bytes = isEmptyDelta(delta) ? 0 : await commit(state, deltaCommands(SERVICE_TABLE, delta));
    state.uncertain = false;
    if (bytes > 0) state.generation += 1;
    for (const [id, rows] of change.services) if (rows === null) state.numbers?.forget(id);
    for (const [id, flows] of before)
      state.flows.forget(staleFlows(flows, flowsOf(installed, id), installed.node));
    return report(state, startedAt, delta, bytes);
  } catch (error) {
    state.installed?.change(inverse);
    throw error;
  }
}

async function repair(state: State): Promise<ApplyReport> {
  if (state.installed === null) throw notSynced();
  const startedAt = performance.now();
  // Nobody has changed any table: with 10,000 Services, reading ours back would take most of a second, to find nothing.
  if (!state.uncertain && (await refusing(TABLE, () => state.nft.generation())) === state.generation)
    return report(state, startedAt, NO_DELTA, 0);
  const result = await sync(state, state.installed.rows());
  if (result.bytes > 0) state.repairs += 1;
  return result;
}

function status(state: State): DataplaneStatus {
  const store = state.installed?.store;
  return {
    backend: 'nft',
    skeleton: SKELETON_VERSION,
    sets: [...SETS.keys()].map((name) => ({ name, elements: store?.count(name) ?? 0 })),
    chains: state.skeleton.length + (store?.chains().size ?? 0),
    repairs: state.repairs,
    readings: state.readings,
    missing: state.retries ? [] : [NO_RETRIES],
  };
}

function flowsOf(installed: InstalledRows, id: ServiceId) {
  const rows = installed.services.get(id);
  return rows === undefined ? null : servedFlows(rows);
}

/** A restarted agent has no memory; the kernel tells what was served before. */
function filtersAfterSync(installed: InstalledRows, observed: Observed): readonly ConntrackFilter[] {
  const before = new Map(observedFlows(observed.sets));
  const filters: ConntrackFilter[] = [];
  for (const [id, rows] of installed.services) {
    const tag = serviceTag(id);
    filters.push(...staleFlows(before.get(tag) ?? null, servedFlows(rows), installed.node));
    before.delete(tag);
  }
  for (const gone of before.values()) filters.push(...staleFlows(gone, null, installed.node));
  return filters;
}

async function commit({ nft }: State, commands: readonly Command[]): Promise<number> {
  if (commands.length === 0) return 0;
  return (await refusing(TABLE, () => nft.commit(commands))).bytes;
}

function tooLarge(mostElements: number): DataplaneError {
  return new DataplaneError(`a change of more than ${mostElements} elements`, {
    code: TOO_LARGE,
    object: `table inet ${TABLE}`,
  });
}

function notSynced(): DataplaneError {
  return new DataplaneError('rows were changed before the first sync', {
    code: 'ENOTSYNCED',
    object: `table inet ${TABLE}`,
  });
}

function report(state: State, startedAt: number, delta: ElementDelta, bytes: number): ApplyReport {
  return {
    elementsAdded: delta.added.length,
    elementsRemoved: delta.deleted.length,
    chainsAdded: delta.chainsNeeded.length,
    chainsRemoved: delta.chainsUnused.length,
    bytes,
    durationMs: performance.now() - startedAt,
    conntrackDeleted: state.flows.takeDeleted(),
  };
}
