/**
 * Policy rows in the maps of the policy programs. A change becomes visible by one write, the revision: names first, then
 * verdicts under numbers that nobody is judged by yet, then peers and subjects in the slots of the revision to come. What
 * only the revision before needed goes with `collect`.
 */

import type { NameKind } from '../../../generated/policy.ts';
import type { ObjectName } from '../../../model/names.ts';
import type { PolicyRows } from '../../../model/policy-rows.ts';
import type { PodInterface, PolicyApplyReport, PolicyChange } from '../../policy-change.ts';
import type { Numbers } from '../../policy-numbers.ts';
import { collectGone, differsFromKernel, type Installed, readInstalled } from './installed.ts';
import type { PolicyTables } from './tables.ts';
import { writeRows } from './transaction.ts';
import { emptyWanted, NOTHING_TOUCHED, type Touched, wantAll, wantChange, wantPassable } from './wanted.ts';

export interface PolicyDataplane {
  /** Makes the maps hold these rows, writing only what differs from what is there. */
  sync(rows: PolicyRows, interfaces: ReadonlyMap<ObjectName, PodInterface>): Promise<PolicyApplyReport>;
  /**
   * Applies a change; packets meet all of it or nothing. Rejects with the kernel's Error; packets then still meet the rows
   * from before, and the next call reads everything back first.
   */
  apply(change: PolicyChange): Promise<PolicyApplyReport>;
  /** Packets between these interfaces may go past the node's stack. */
  allowPassages(interfaces: ReadonlySet<number>): Promise<void>;
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
  /** `touched` undefined: everything is read back. */
  const transact = (touched: Touched | undefined) =>
    exclusively(async () => {
      const known = touched === undefined ? undefined : installed;
      installed = undefined;
      const state = known ?? (await readInstalled(tables));
      numbers = state.numbers;
      let report = await writeRows(tables, state, wanted, known && touched);
      // Perhaps what only the revision before needed took the room.
      if (report.unprogrammed.length > 0 && (await collectGone(tables, state)) > 0)
        report = await writeRows(tables, state, wanted, NOTHING_TOUCHED);
      installed = state;
      return report;
    });

  return {
    sync(rows, interfaces) {
      wantAll(wanted, rows, interfaces);
      return transact(undefined);
    },
    apply: (change) => transact(wantChange(wanted, change)),
    async allowPassages(interfaces) {
      const touched = wantPassable(wanted, interfaces);
      // What is not installed yet comes with the first rows.
      if (touched.interfaces.size > 0 && installed !== undefined) await transact(touched);
    },
    repair: () => transact(undefined),
    isDisturbed: () =>
      exclusively(async () => installed !== undefined && (await differsFromKernel(tables, installed))),
    collect: () => exclusively(async () => (installed === undefined ? 0 : collectGone(tables, installed))),
    contentOf: (kind, number) => numbers?.contentOf(kind, number),
  };
}
