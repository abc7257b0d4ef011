/**
 * When to sync: one attempt at a time, what comes during one goes into the next, failures are tried again with backoff,
 * and everything is read back now and then. What a sync does is a parameter.
 */
import type { Clock } from './clock.ts';
import { createPace } from './pace.ts';

export interface SyncAttempt {
  /** Read everything back from the kernel and restore what differs. */
  readonly repair: boolean;
}

export interface SyncLoopOptions {
  /** Rejects when something could not be put into the kernel; it is then called again. */
  readonly attempt: (attempt: SyncAttempt) => Promise<void>;
  readonly clock: Clock;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
}

export interface SyncLoopState {
  /** When the oldest thing not yet in the kernel came up, on the monotonic clock; null: all is in. */
  readonly pendingSinceMs: number | null;
  /** Attempts that failed since the last good one. */
  readonly consecutiveFailures: number;
  readonly running: boolean;
}

export interface SyncLoop {
  /** Something changed: sync as soon as the pace allows. */
  request(): void;
  /** The kernel's state changed under us: read back and restore, at once or (under a storm of them) after half a second. */
  requestRepair(): void;
  /** Syncs now; resolves when all that was there at the call is in the kernel, rejects with the attempt's error. */
  flush(): Promise<void>;
  state(): SyncLoopState;
  /** Lets a running attempt end and starts no more; flushes that still wait are rejected. */
  stop(): Promise<void>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 10_000;
/** What others broke is whole again within a second, whatever the pace. */
const MOST_REPAIR_DELAY_MS = 500;

/** Milliseconds before the next attempt after so many failures in a row: 100, 200, 400 … 10,000. */
export function backoffMs(consecutiveFailures: number): number {
  return Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (consecutiveFailures - 1));
}

/** Makes a loop that stands still until the first request or flush. */
export function createSyncLoop(options: SyncLoopOptions): SyncLoop {
  const { clock, syncPeriodMs } = options;
  const pace = createPace(options.minSyncPeriodMs);
  let pendingSinceMs: number | null = null;
  let attemptSinceMs: number | null = null;
  let repairDue = false;
  let failures = 0;
  let running: Promise<void> | null = null;
  let stopped = false;
  let waiters: Waiter[] = [];
  let cancelTimer = (): void => {};
  let cancelPeriodic: (() => void) | null = null;

  const schedule = (delayMs: number): void => {
    cancelTimer();
    if (!stopped) cancelTimer = clock.schedule(delayMs, start);
  };
  const wake = (delayMs?: number): void => {
    if (running !== null || stopped) return;
    const paced = pace.waitMs(clock.monotonicMs());
    schedule(delayMs ?? (failures > 0 ? Math.max(paced, backoffMs(failures)) : paced));
  };
  const start = (): void => {
    if (running !== null || stopped) return;
    cancelTimer();
    running = runAttempt().finally(() => {
      running = null;
      if (waiters.length > 0) wake(0);
      else if (pendingSinceMs !== null) wake();
    });
  };
  const runAttempt = async (): Promise<void> => {
    const since = pendingSinceMs;
    const attempt = { repair: repairDue };
    const served = waiters;
    [pendingSinceMs, attemptSinceMs, repairDue, waiters] = [null, since ?? clock.monotonicMs(), false, []];
    pace.spend(clock.monotonicMs());
    try {
      await options.attempt(attempt);
      failures = 0;
      for (const waiter of served) waiter.resolve();
    } catch (error) {
      failures += 1;
      pendingSinceMs = attemptSinceMs;
      repairDue ||= attempt.repair;
      for (const waiter of served) waiter.reject(error);
    }
    attemptSinceMs = null;
    cancelPeriodic ??= schedulePeriodic();
  };
  const schedulePeriodic = (): (() => void) =>
    clock.schedule(syncPeriodMs, () => {
      repairDue = true;
      wake(0);
      if (!stopped) cancelPeriodic = schedulePeriodic();
    });
  const markPending = (): void => {
    pendingSinceMs ??= clock.monotonicMs();
  };

  return {
    request() {
      const first = pendingSinceMs === null;
      markPending();
      // A timer that already runs must not be pushed back by every further change.
      if (first) wake();
    },
    requestRepair() {
      repairDue = true;
      markPending();
      if (failures === 0) wake(Math.min(MOST_REPAIR_DELAY_MS, pace.waitMs(clock.monotonicMs())));
    },
    flush() {
      if (stopped) return Promise.reject(new Error('the agent is stopping'));
      return new Promise((resolve, reject) => {
        waiters.push({ resolve, reject });
        wake(0);
      });
    },
    state: () => ({
      pendingSinceMs: attemptSinceMs ?? pendingSinceMs,
      consecutiveFailures: failures,
      running: running !== null,
    }),
    async stop() {
      stopped = true;
      cancelTimer();
      cancelPeriodic?.();
      for (const waiter of waiters) waiter.reject(new Error('the agent is stopping'));
      waiters = [];
      await running;
    },
  };
}
