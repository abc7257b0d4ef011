/** What happened to syncs so far: the numbers of status, health and metrics. */
import type { ApplyReport } from '../dataplane/dataplane.ts';
import type { SyncStatus } from './status.ts';
import type { SyncLoopState } from './sync-loop.ts';

export interface SyncRecord {
  succeeded(wallMs: number, durationMs: number, report: ApplyReport): void;
  failed(error: string): void;
  /** Milliseconds since the epoch; null: never. */
  lastSuccessAtMs(): number | null;
  /** null once a sync succeeded again. */
  lastError(): string | null;
  conntrackDeleted(): number;
  /** Joined with what the loop knows; `heard` tells whether the source's first batch came. */
  status(loop: SyncLoopState, monotonicMs: number, heard: boolean): SyncStatus;
}

/** Starts empty. */
export function createSyncRecord(): SyncRecord {
  let last: { wallMs: number; durationMs: number; report: ApplyReport } | null = null;
  let lastError: string | null = null;
  let [syncs, failures, conntrackDeleted] = [0, 0, 0];
  return {
    succeeded(wallMs, durationMs, report) {
      last = { wallMs, durationMs, report };
      lastError = null;
      syncs += 1;
      conntrackDeleted += report.conntrackDeleted;
    },
    failed(error) {
      lastError = error;
      failures += 1;
    },
    lastSuccessAtMs: () => last?.wallMs ?? null,
    lastError: () => lastError,
    conntrackDeleted: () => conntrackDeleted,
    status(loop, monotonicMs, heard) {
      const pendingForMs = loop.pendingSinceMs === null ? null : monotonicMs - loop.pendingSinceMs;
      return {
        state: syncState(loop, heard),
        lastSuccessAt: last === null ? null : new Date(last.wallMs).toISOString(),
        lastDurationMs: last?.durationMs ?? null,
        lastReport: last?.report ?? null,
        pendingForMs,
        syncs,
        failures,
        consecutiveFailures: loop.consecutiveFailures,
        lastError,
      };
    },
  };
}

/** The message of an error with those of its causes. */
export function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${errorLine(error.cause)}`;
}

function syncState(loop: SyncLoopState, heard: boolean): SyncStatus['state'] {
  if (!heard) return 'waiting';
  if (loop.consecutiveFailures > 0) return 'failing';
  return loop.pendingSinceMs === null ? 'synced' : 'pending';
}
