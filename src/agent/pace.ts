/** Bounds how often syncs happen under a stream of changes, while a lone change goes at once (A70). */

export interface Pace {
  /** Milliseconds until the next sync may start; 0: now. Times are on the monotonic clock. */
  waitMs(nowMs: number): number;
  /** A sync starts now. */
  spend(nowMs: number): void;
}

/**
 * A bucket of `burst` tokens, one refilled each `periodMs`: in any second at most `burst + 1000 / periodMs` syncs start.
 * Two tokens let a Service and its slice, written one after the other, through without a wait.
 */
export function createPace(periodMs: number, burst = 2): Pace {
  let tokens = burst;
  let countedAt = Number.NEGATIVE_INFINITY;
  const refill = (nowMs: number): void => {
    tokens = periodMs === 0 ? burst : Math.min(burst, tokens + (nowMs - countedAt) / periodMs);
    countedAt = nowMs;
  };
  return {
    waitMs(nowMs) {
      refill(nowMs);
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * periodMs);
    },
    spend(nowMs) {
      refill(nowMs);
      tokens = Math.max(0, tokens - 1);
    },
  };
}
