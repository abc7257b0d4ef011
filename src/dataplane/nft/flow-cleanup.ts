/**
 * Deletes stale conntrack entries behind changes. Walking the kernel's table takes some 10 ms whatever is in it, so it
 * happens beside the changes, one walk for all that is due.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConntrackFilter, deleteConntrack } from '../../kernel/conntrack.ts';

/** Changes that come within this time share one walk, milliseconds. */
const GATHER_MS = 20;

export interface FlowCleanup {
  /** Returns at once; the entries go soon after. */
  forget(filters: readonly ConntrackFilter[]): void;
  /** Resolves when everything asked for so far is gone. */
  settled(): Promise<void>;
  /** Entries deleted since this was last asked. */
  takeDeleted(): number;
}

export interface FlowCleanupOptions {
  readonly log: { warn(details: object, message: string): void };
  readonly netns?: string;
}

/** Trouble is told and leaves a few clients with a dead flow; the rows are in place all the same. */
export function createFlowCleanup({ log, netns }: FlowCleanupOptions): FlowCleanup {
  let due: ConntrackFilter[] = [];
  let deleted = 0;
  let running: Promise<void> | null = null;

  async function work(): Promise<void> {
    // The walk may run on our processor and is not preempted: whoever waits for the change is answered first.
    await sleep(GATHER_MS);
    while (due.length > 0) {
      const filters = due;
      due = [];
      try {
        deleted += await deleteConntrack(filters, netns === undefined ? {} : { networkNamespace: netns });
      } catch (cause) {
        log.warn({ err: cause, filters: filters.length }, 'stale conntrack entries could not be deleted');
      }
    }
    running = null;
  }

  return {
    forget(filters) {
      for (const filter of filters) due.push(filter);
      if (due.length > 0) running ??= work();
    },
    settled: async () => {
      await running;
    },
    takeDeleted() {
      const count = deleted;
      deleted = 0;
      return count;
    },
  };
}
