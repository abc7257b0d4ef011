/**
 * Policy rows in the maps of the policy programs. A change becomes visible by one write, the revision: names first, then
 * verdicts under numbers that nobody is judged by yet, then peers and subjects in the slots of the revision to come. What
 * only the revision before needed goes with `collect`.
 */

import type { NameKind } from '../../../generated/policy.ts';
import type { ObjectName } from '../../../model/names.ts';
import type { PolicyRows, PolicyRowsChange } from '../../../model/policy-rows.ts';
import type { PodInterface, PolicyApplyReport, PolicyChange } from '../../policy-change.ts';
import type { Numbers } from '../../policy-numbers.ts';
import { ALL_IPV4, drawFamilyBorder } from './family-border.ts';
import { collectGone, differsFromKernel, type Installed, readInstalled } from './installed.ts';
import type { PolicyTables } from './tables.ts';
import { emptyWanted, type Touched, writeRows } from './transaction.ts';

export interface PolicyDataplane {
  /** Makes the maps hold these rows, writing only what differs from what is there. */
  sync(rows: PolicyRows, interfaces: ReadonlyMap<ObjectName, PodInterface>): Promise<PolicyApplyReport>;
  /**
   * Applies a change; packets meet all of it or nothing. Rejects with the kernel's Error; packets then still meet the rows
   * from before, and the next call reads everything back first.
   */
  apply(change: PolicyChange): Promise<PolicyApplyReport>;
  /** Reads everything back and restores what differs. */
  repair(): Promise<PolicyApplyReport>;
  /** Whether the maps say something else of the revision or of local pods than what was written last. */
  isDisturbed(): Promise<boolean>;
  /**
   * Removes what no packet can meet any more and prepares the next change; to be called a moment after a change. Returns
   * how many entries it wrote and deleted.
   */
  collect(): Promise<number>;
  /** The name of the rule or class that a number in an event, flow or counter stands for; undefined for one that is gone. */
  contentOf(kind: NameKind, number: number): string | undefined;
}

export function createPolicyDataplane(tables: PolicyTables): PolicyDataplane {
  const wanted = emptyWanted();
  // Not known before the first reading, nor after a failure.
  let installed: Installed | undefined;
  let numbers: Numbers | undefined;
  // One transaction after the other.
  let last: Promise<unknown> = Promise.resolve();

  const exclusively = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const transact = (change: PolicyChange | undefined) =>
    exclusively(async () => {
      const known = change === undefined ? undefined : installed;
      installed = undefined;
      const state = known ?? (await readInstalled(tables));
      numbers = state.numbers;
      let report = await writeRows(tables, state, wanted, known && touchedBy(change?.rows));
      // Perhaps what only the revision before needed took the room.
      if (report.unprogrammed.length > 0 && (await collectGone(tables, state)) > 0)
        report = await writeRows(tables, state, wanted, touchedBy(undefined));
      installed = state;
      return report;
    });

  return {
    sync(rows, interfaces) {
      replace(
        wanted.peers,
        [...rows.peers].map(([prefix, row]) => [prefix, row.peerClass] as const),
      );
      drawFamilyBorder(wanted.peers);
      replace(wanted.subjects, rows.subjects);
      replace(wanted.classes, rows.classes);
      replace(wanted.interfaces, interfaces);
      return transact(undefined);
    },
    apply(change) {
      const { rows, interfaces = new Map() } = change;
      for (const [prefix, row] of rows?.peers ?? [])
        setOrDelete(wanted.peers, prefix, row === null ? undefined : row.peerClass);
      drawFamilyBorder(wanted.peers);
      for (const [pod, row] of rows?.subjects ?? []) setOrDelete(wanted.subjects, pod, row ?? undefined);
      for (const [name, row] of rows?.classes ?? []) setOrDelete(wanted.classes, name, row ?? undefined);
      for (const [pod, value] of interfaces) setOrDelete(wanted.interfaces, pod, value ?? undefined);
      return transact(change);
    },
    repair: () => transact(undefined),
    isDisturbed: () =>
      exclusively(async () => installed !== undefined && (await differsFromKernel(tables, installed))),
    collect: () => exclusively(async () => (installed === undefined ? 0 : collectGone(tables, installed))),
    contentOf: (kind, number) => numbers?.contentOf(kind, number),
  };
}

function touchedBy(rows: PolicyRowsChange | undefined): Touched {
  return { peers: [ALL_IPV4, ...(rows?.peers.keys() ?? [])], classes: [...(rows?.classes.keys() ?? [])] };
}

function replace<Key, Value>(map: Map<Key, Value>, entries: Iterable<readonly [Key, Value]>): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

function setOrDelete<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
