/** Keeps one Service that the kernel refuses from holding up all others (H7). */
import type { ApplyReport } from '../dataplane/dataplane.ts';
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
 * Applies a change as one batch; where that is refused, its halves, and so on down to single Services. A half that
 * needs the other one to go in first is refused too and succeeds at the next attempt.
 */
export async function applyIsolating(
  apply: (change: RowsChange) => Promise<ApplyReport>,
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
    try {
      reports.push(await apply(part));
    } catch (error) {
      errors.push(error);
      const halves = splitChange(part);
      if (halves === null) failed = mergeChanges(failed, part);
      else queue.push(...halves);
    }
  }
  return { reports, failed, error: errors[0] };
}
