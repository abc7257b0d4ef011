/**
 * When to sync: one attempt at a time, what comes during one goes into the next, failures are tried again with backoff,
 * and everything is read back now and then. What a sync does is a parameter.
 */
import type { Clock } from './clock.ts';
import { createPace, type Pace } from './pace.ts';

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

interface Loop {
  readonly options: SyncLoopOptions;
  readonly pace: Pace;
  pendingSinceMs: number | null;
  attemptSinceMs: number | null;
  repairDue: boolean;
  failures: number;
  running: Promise<void> | null;
  stopped: boolean;
  waiters: Waiter[];
  cancelTimer: () => void;
  /** null until the first attempt: before it there is nothing to read back. */
  cancelPeriodic: (() => void) | null;
}

/** Makes a loop that stands still until the first request or flush. */
export function createSyncLoop(options: SyncLoopOptions): SyncLoop {
  const { clock } = options;
  const loop: Loop = {
    options,
    pace: createPace(options.minSyncPeriodMs),
    pendingSinceMs: null,
    attemptSinceMs: null,
    repairDue: false,
    failures: 0,
    running: null,
    stopped: false,
    waiters: [],
    cancelTimer: () => {},
    cancelPeriodic: null,
  };
  return {
    request() {
      const isFirst = loop.pendingSinceMs === null;
      loop.pendingSinceMs ??= clock.monotonicMs();
      // A timer that already runs must not be pushed back by every further change.
      if (isFirst) wake(loop, pacedDelay(loop));
    },
    requestRepair() {
      loop.repairDue = true;
      loop.pendingSinceMs ??= clock.monotonicMs();
      const paced = loop.pace.waitMs(clock.monotonicMs());
      if (loop.failures === 0) wake(loop, Math.min(MOST_REPAIR_DELAY_MS, paced));
    },
    flush() {
      if (loop.stopped) return Promise.reject(stopping());
      return new Promise((resolve, reject) => {
        loop.waiters.push({ resolve, reject });
        wake(loop, 0);
      });
    },
    state: () => ({
      pendingSinceMs: loop.attemptSinceMs ?? loop.pendingSinceMs,
      consecutiveFailures: loop.failures,
      running: loop.running !== null,
    }),
    stop: () => stop(loop),
  };
}

async function stop(loop: Loop): Promise<void> {
  loop.stopped = true;
  loop.cancelTimer();
  loop.cancelPeriodic?.();
  for (const waiter of loop.waiters) waiter.reject(stopping());
  loop.waiters = [];
  await loop.running;
}

function pacedDelay({ pace, failures, options }: Loop): number {
  const paced = pace.waitMs(options.clock.monotonicMs());
  return failures > 0 ? Math.max(paced, backoffMs(failures)) : paced;
}

function wake(loop: Loop, delayMs: number): void {
  if (loop.running !== null || loop.stopped) return;
  loop.cancelTimer();
  loop.cancelTimer = loop.options.clock.schedule(delayMs, () => begin(loop));
}

function begin(loop: Loop): void {
  if (loop.running !== null || loop.stopped) return;
  loop.cancelTimer();
  loop.running = attemptOnce(loop).finally(() => {
    loop.running = null;
    if (loop.waiters.length > 0) wake(loop, 0);
    else if (loop.pendingSinceMs !== null) wake(loop, pacedDelay(loop));
  });
}

async function attemptOnce(loop: Loop): Promise<void> {
  const now = loop.options.clock.monotonicMs();
  const attempt = { repair: loop.repairDue };
  const served = loop.waiters;
  loop.attemptSinceMs = loop.pendingSinceMs ?? now;
  [loop.pendingSinceMs, loop.repairDue, loop.waiters] = [null, false, []];
  loop.pace.spend(now);
  try {
    await loop.options.attempt(attempt);
    loop.failures = 0;
    for (const waiter of served) waiter.resolve();
  } catch (error) {
    loop.failures += 1;
    loop.pendingSinceMs = loop.attemptSinceMs;
    loop.repairDue ||= attempt.repair;
    for (const waiter of served) waiter.reject(error);
  }
  loop.attemptSinceMs = null;
  if (!loop.stopped) loop.cancelPeriodic ??= schedulePeriodic(loop);
}

function schedulePeriodic(loop: Loop): () => void {
  const { clock, syncPeriodMs } = loop.options;
  return clock.schedule(syncPeriodMs, () => {
    loop.repairDue = true;
    wake(loop, 0);
    if (!loop.stopped) loop.cancelPeriodic = schedulePeriodic(loop);
  });
}

function stopping(): Error {
  return new Error('the agent is stopping');
}
