/** Time as a parameter, so that pacing and backoff are tested without waiting. */
export interface Clock {
  /** Milliseconds since some fixed moment; never steps back, whatever happens to the date. */
  monotonicMs(): number;
  /** Milliseconds since the epoch, for people. */
  wallMs(): number;
  /** Calls back once after `delayMs`; the result cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** The machine's clock. Its timers keep the process alive. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
