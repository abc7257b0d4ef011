/** What the attempts of a loop came to, and the line in the log when one failed. */
import type { Logger } from 'pino';
import { errorLine } from './sync-record.ts';

export interface AttemptOutcome<Report> {
  /** Of the last attempt that wrote; null: none did yet. */
  readonly report: Report | null;
  /** null: the last attempt did not fail. */
  readonly lastError: string | null;
  /** Since the agent started. */
  readonly failures: number;
}

export interface AttemptRecord<Report> {
  readonly last: AttemptOutcome<Report>;
  /** An attempt began, however it ended. */
  begun(): boolean;
  /** Makes an attempt; rejects with its error. */
  follow(attempt: () => Promise<Report>): Promise<void>;
}

export interface AttemptRecordOptions<Report> {
  /** What failed, where something did. */
  readonly about: string;
  readonly log: Logger;
  /** Throws where what was written is not all there ought to be. */
  readonly refuse?: (report: Report) => void;
  /** Also when it failed. */
  readonly onAttempted: () => void;
}

/** Starts empty. */
export function createAttemptRecord<Report>(options: AttemptRecordOptions<Report>): AttemptRecord<Report> {
  let last: AttemptOutcome<Report> = { report: null, lastError: null, failures: 0 };
  let begun = false;
  return {
    get last() {
      return last;
    },
    begun: () => begun,
    async follow(attempt) {
      begun = true;
      try {
        const report = await attempt();
        last = { ...last, report };
        options.refuse?.(report);
        last = { ...last, lastError: null };
      } catch (error) {
        last = { ...last, lastError: errorLine(error), failures: last.failures + 1 };
        options.log.error({ err: error }, `${options.about} failed, it is tried again: ${last.lastError}`);
        throw error;
      } finally {
        options.onAttempted();
      }
    },
  };
}
