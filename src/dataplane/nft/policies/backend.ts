/** Network policy by nftables: rows in, netlink batches out, in a table of its own. docs/nftables.md tells how it is arranged. */

import { type Command, type Nftables, openNftables } from '../../../kernel/native.ts';
import type { Prefix } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import type { PolicyRows } from '../../../model/policy-rows.ts';
import { DataplaneError } from '../../dataplane.ts';
import type { PolicyBackend, PolicyInstallReport, PolicyVerdict } from '../../policy-backend.ts';
import type { PodInterface, PolicyChange } from '../../policy-change.ts';
import type { Chain } from '../chains/chain.ts';
import { type Element, elementBytes, numberFromKey, numberKey } from '../element.ts';
import { compareWithKernel } from '../element-store.ts';
import { type Observed, readBack } from '../read-back.ts';
import { refusing } from '../refusal.ts';
import { compareSkeleton, skeletonCommands } from '../skeleton.ts';
import { TABLE_FAMILY } from '../table-layout.ts';
import { deltaCommands, isEmptyDelta } from '../transaction.ts';
import { readDialled } from './dialled.ts';
import { readCounts } from './figures.ts';
import { hookChains, type SkeletonOptions } from './hook-chains.ts';
import { type InstalledPolicies, installedPolicies } from './installed.ts';
import { judgingChains } from './judging-chains.ts';
import { POLICY_TABLE, type PolicySet } from './layout.ts';
import { createNames, type Names } from './names.ts';
import { LOG_GROUP, openVerdictReader, type VerdictReader } from './verdict-reader.ts';

export interface NftPolicyOptions {
  /** Denied packets are answered with a TCP reset, or ICMP port unreachable; else dropped in silence. */
  readonly reject: boolean;
  /** Pod networks of this node: whoever is in them and no known pod is closed, also while no agent runs. */
  readonly closedPrefixes: readonly Prefix[];
  readonly onVerdict: (verdict: PolicyVerdict) => void;
  /** Somebody else changed the table: to be repaired. */
  readonly onForeignChange: () => void;
  /** Path of the network namespace to work in; this process's own without it. */
  readonly netns?: string;
}

interface State {
  readonly closedPrefixes: readonly Prefix[];
  readonly nft: Nftables;
  readonly skeleton: readonly Chain[];
  readonly verdicts: VerdictReader;
  /** null until the first sync. */
  installed: InstalledPolicies | null;
  names: Names | null;
  /** The kernel may differ from `installed`: the next call reads everything back. */
  uncertain: boolean;
  /** Of the rows in the kernel: flows that others allowed are judged again. 0: none was found or written yet. */
  revision: number;
  readonly onForeignChange: () => void;
  /** Somebody else changed the table since it was read back. */
  disturbed: boolean;
  repairs: number;
  /** null until the first sync. */
  monitor: { close(): void } | null;
}

/** The chains, which are the same whatever the rows. */
export function policySkeleton(options: SkeletonOptions): readonly Chain[] {
  return [...judgingChains(), ...hookChains(options)];
}

/** Opens the backend; nothing is read or written before the first `sync`. Rejects where netlink is refused. */
export async function openNftPolicies(options: NftPolicyOptions): Promise<PolicyBackend> {
  const nft = await openNftables(options.netns === undefined ? {} : { netns: options.netns });
  const verdicts = await openVerdictReader(options.netns, () => readDialled(nft), options.onVerdict);
  const state: State = {
    verdicts,
    nft,
    closedPrefixes: options.closedPrefixes,
    onForeignChange: options.onForeignChange,
    skeleton: policySkeleton({ reject: options.reject, logGroup: verdicts.isOpen ? LOG_GROUP : null }),
    installed: null,
    names: null,
    uncertain: true,
    revision: 0,
    disturbed: false,
    repairs: 0,
    monitor: null,
  };
  const nothing = async () => undefined;
  return {
    name: 'nft',
    services: null,
    sync: (rows, interfaces) => sync(state, rows, interfaces),
    apply: (change) => apply(state, change),
    repair: async () => (state.uncertain ? reconcile(state, installedOf(state)) : report(state, 0)),
    // Batches are all or nothing, and conntrack forgets its flows itself.
    collect: nothing,
    sweep: nothing,
    async figures() {
      const counts = await refusing(POLICY_TABLE.table, () => readCounts(state.nft));
      // Sets grow as they need; what conntrack holds is not ours to count.
      const unknown = { flows: null, capacities: {} };
      const { revision, repairs } = state;
      return {
        revision,
        repairs,
        upgrade: null,
        passages: null,
        ...unknown,
        rules: verdicts.rules(),
        ...counts,
      };
    },
    async close() {
      state.monitor?.close();
      verdicts.close();
      await state.nft.close();
    },
  };
}

async function sync(
  state: State,
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
): Promise<PolicyInstallReport> {
  state.uncertain = true;
  state.names ??= await readNames(state);
  state.installed = installedPolicies(rows, interfaces, state.names, state.closedPrefixes);
  state.verdicts.follow(state.installed.rows);
  return reconcile(state, state.installed);
}

async function readNames({ nft }: State): Promise<Names> {
  const { sets } = await refusing(POLICY_TABLE.table, () => readBack(nft, POLICY_TABLE, { learnt: false }));
  return createNames(sets.get('name')?.values() ?? []);
}

async function apply(state: State, change: PolicyChange): Promise<PolicyInstallReport> {
  const installed = installedOf(state);
  const delta = installed.change(change);
  if (change.rows !== undefined) state.verdicts.follow(installed.rows);
  if (state.uncertain) return reconcile(state, installed);
  if (isEmptyDelta(delta)) return report(state, 0);
  await commit(state, [...deltaCommands(POLICY_TABLE, delta), ...nextRevision(state.revision)]);
  return report(state, delta.added.length + delta.deleted.length);
}

/** Reads everything back and writes what differs. */
async function reconcile(state: State, installed: InstalledPolicies): Promise<PolicyInstallReport> {
  // From here on, we hear what others do to our table.
  state.monitor ??= state.nft.monitor((event) => {
    if (event.lost !== true && (event.ours || !event.changes.some(isOurTable))) return;
    state.uncertain = true;
    state.disturbed = true;
    state.onForeignChange();
  });
  state.uncertain = false;
  try {
    const observed = await refusing(POLICY_TABLE.table, () =>
      readBack(state.nft, POLICY_TABLE, { learnt: false }),
    );
    const skeleton = compareSkeleton(POLICY_TABLE, state.skeleton, observed);
    const sets = skeleton.rebuild ? new Map() : observed.sets;
    const compared = compareWithKernel(POLICY_TABLE, installed.store, sets, skeleton.rows);
    const deleted = compared.deleted.filter(({ set }) => set !== 'revision');
    const delta = { ...compared, deleted };
    state.revision = skeleton.rebuild ? 0 : revisionOf(observed);
    const rows = deltaCommands(POLICY_TABLE, delta);
    const commands = skeletonCommands(POLICY_TABLE, skeleton, observed, rows);
    const isRepair = state.disturbed && commands.length > 0;
    state.disturbed = false;
    if (commands.length > 0 || state.revision === 0)
      await commit(state, [...commands, ...nextRevision(state.revision)]);
    if (isRepair) state.repairs += 1;
    return report(state, delta.added.length + delta.deleted.length);
  } catch (error) {
    state.uncertain = true;
    throw error;
  }
}

async function commit(state: State, commands: readonly Command[]): Promise<void> {
  if (commands.length === 0) return;
  try {
    await refusing(POLICY_TABLE.table, () => state.nft.commit(commands));
    state.revision += 1;
  } catch (error) {
    state.uncertain = true;
    throw error;
  }
}

function revisionOf({ sets }: Observed<PolicySet>): number {
  const [element] = sets.get('revision')?.values() ?? [];
  return element === undefined ? 0 : numberFromKey(elementBytes(element), 4);
}

function nextRevision(revision: number): readonly Command[] {
  const element = (number: number): Element<PolicySet> => ({
    set: 'revision',
    key: numberKey(0),
    data: numberKey(0) + numberKey(number),
  });
  const deleted = revision === 0 ? [] : [element(revision)];
  return deltaCommands(POLICY_TABLE, {
    deleted,
    added: [element(revision + 1)],
    chainsNeeded: [],
    chainsUnused: [],
  });
}

function isOurTable({ table }: { readonly table: string }): boolean {
  return table === POLICY_TABLE.table;
}

function installedOf({ installed }: State): InstalledPolicies {
  if (installed !== null) return installed;
  throw new DataplaneError('policy rows were changed before the first sync', {
    code: 'ENOTSYNCED',
    object: `table ${TABLE_FAMILY} ${POLICY_TABLE.table}`,
  });
}

function report({ revision }: State, written: number): PolicyInstallReport {
  return { written, revision, unprogrammed: [], unguarded: [] };
}
