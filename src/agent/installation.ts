/** Brings compiled rows into the kernel and remembers what is not in yet. One call at a time: the loop sees to it. */
import type { ApplyReport, Dataplane } from '../dataplane/dataplane.ts';
import type { RowsChange } from '../model/rows.ts';
import { applyIsolating } from './isolation.ts';
import type { Compiled, Pipeline } from './pipeline.ts';
import { describeChange, mergeChanges, NO_CHANGE } from './rows-change.ts';
import type { SyncAttempt } from './sync-loop.ts';

export interface InstallReport {
  /** Everything was read back, not just changes written. */
  readonly full: boolean;
  readonly applied: ApplyReport;
  /** See Compiled; those of earlier attempts that failed are among them. */
  readonly triggeredAtMs: readonly number[];
}

export interface Installation {
  /**
   * Compiles and writes. What was refused is kept and tried again by the next call.
   * @throws InstallError when something is not in the kernel
   */
  install(attempt: SyncAttempt): Promise<InstallReport>;
  /** null until the first install opened it. */
  dataplane(): Dataplane | null;
  close(): Promise<void>;
}

export interface InstallationOptions {
  readonly pipeline: Pipeline;
  /** Called at the first install, and again as long as it rejects: nothing is touched before there are rows. */
  readonly openDataplane: () => Promise<Dataplane>;
  readonly onCompiled: (compiled: Compiled) => void;
  readonly onForeignChange: () => void;
}

/** Something could not be brought into the kernel; `cause` says why. */
export class InstallError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'InstallError';
  }
}

/** Starts with nothing installed: the first install writes the difference from whatever the kernel holds. */
export function createInstallation(options: InstallationOptions): Installation {
  let dataplane: Dataplane | null = null;
  let complete = false;
  let waiting: RowsChange = NO_CHANGE;
  let triggeredAtMs: readonly number[] = [];

  const open = async (): Promise<Dataplane> => {
    dataplane = await labelled('the dataplane could not be opened', options.openDataplane);
    dataplane.onForeignChange(options.onForeignChange);
    return dataplane;
  };
  const writeChanges = async (target: Dataplane, repair: boolean): Promise<readonly ApplyReport[]> => {
    const reports: ApplyReport[] = [];
    let broken: InstallError | null = null;
    if (repair) {
      try {
        reports.push(await labelled('reading back and repairing failed', () => target.repair()));
      } catch (error) {
        // What changed goes in nevertheless; the repair is tried again.
        broken = error as InstallError;
      }
    }
    const result = await applyIsolating((change, most) => target.apply(change, most), waiting);
    waiting = result.failed;
    if (result.error !== undefined) {
      throw new InstallError(`not applied: ${describeChange(waiting)}`, result.error);
    }
    if (broken !== null) throw broken;
    return [...reports, ...result.reports];
  };

  return {
    async install(attempt) {
      const compiled = options.pipeline.compile();
      waiting = mergeChanges(waiting, compiled.change);
      triggeredAtMs = [...triggeredAtMs, ...compiled.triggeredAtMs];
      options.onCompiled(compiled);
      const target = dataplane ?? (await open());
      const full = !complete || attempt.repair;
      let reports: readonly ApplyReport[];
      if (complete) reports = await writeChanges(target, attempt.repair);
      else {
        reports = [await labelled('the first sync failed', () => target.sync(options.pipeline.rows()))];
        complete = true;
        waiting = NO_CHANGE;
      }
      const report = { full, applied: sumReports(reports), triggeredAtMs };
      triggeredAtMs = [];
      return report;
    },
    dataplane: () => dataplane,
    close: async () => dataplane?.close(),
  };
}

/** @throws InstallError that says `what` went wrong, and the error of `work` as its cause */
export async function labelled<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw new InstallError(what, cause);
  }
}

function sumReports(reports: readonly ApplyReport[]): ApplyReport {
  const sum = (field: keyof ApplyReport) => reports.reduce((total, report) => total + report[field], 0);
  return {
    elementsAdded: sum('elementsAdded'),
    elementsRemoved: sum('elementsRemoved'),
    chainsAdded: sum('chainsAdded'),
    chainsRemoved: sum('chainsRemoved'),
    bytes: sum('bytes'),
    durationMs: sum('durationMs'),
    conntrackDeleted: sum('conntrackDeleted'),
  };
}
