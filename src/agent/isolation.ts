/** Keeps one Service that the kernel refuses from holding up all others (H7). */
import { type ApplyReport, DataplaneError, TOO_LARGE } from '../dataplane/dataplane.ts';
import type { RowsChange } from '../model/rows.ts';
import { isEmptyChange } from '../plan/rows-diff.ts';
import { mergeChanges, NO_CHANGE, splitChange } from './rows-change.ts';

export interface IsolatedApply {
  readonly reports: readonly ApplyReport[];
  /** What is not in the kernel; empty when all is. */
  readonly failed: RowsChange;
  /** The first error met; undefined when there was none. */
  readonly error: unknown;
}

/** Refusals met before the rest is left for the next attempt: when all fails, a change is not tried row by row. */
const MOST_REFUSALS = 24;

/**
 * Of one batch, where it is about several Services: while anybody listens to changes of nftables, as we do, the kernel keeps a
 * notice of 8 KB for each element until the whole batch is in.
 */
const MOST_ELEMENTS = 32_768;

/**
 * Applies a change as one batch; where that is refused or too large, its halves, and so on down to single Services. A half that
 * needs the other one to go in first is refused too and succeeds at the next attempt.
 */
export async function applyIsolating(
  apply: (change: RowsChange, mostElements: number) => Promise<ApplyReport>,
  change: RowsChange,
): Promise<IsolatedApply> {
  const reports: ApplyReport[] = [];
  const errors: unknown[] = [];
  const queue = isEmptyChange(change) ? [] : [change];
  let failed = NO_CHANGE;
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
    if (errors.length >= MOST_REFUSALS) {
      failed = mergeChanges(failed, part);
      continue;
    }
    const halves = splitChange(part);
    try {
      reports.push(await apply(part, halves === null ? Infinity : MOST_ELEMENTS));
    } catch (error) {
      if (!(error instanceof DataplaneError && error.code === TOO_LARGE)) errors.push(error);
      if (halves === null) failed = mergeChanges(failed, part);
      else queue.push(...halves);
    }
  }
  return { reports, failed, error: errors[0] };
}
