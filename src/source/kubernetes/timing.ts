/** Time and chance as parameters, so that faults are tested without waiting. */
export interface Timing {
  /** Milliseconds since some fixed moment; never steps back. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** Calls back once after `delayMs`; the result cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** From 0 to 1, 1 excluded. */
  random(): number;
}

export interface Deadline {
  /** Something was heard: the time begins anew. */
  touch(): void;
  clear(): void;
}

/** Calls `expired` once nothing was heard for `idleMs`. One timer, however often it is touched. */
export function startDeadline(timing: Timing, idleMs: number, expired: () => void): Deadline {
  let heardMs = timing.monotonicMs();
  let cancel = timing.schedule(idleMs, check);
  function check(): void {
    const leftMs = heardMs + idleMs - timing.monotonicMs();
    if (leftMs <= 0) expired();
    else cancel = timing.schedule(leftMs, check);
  }
  return {
    touch() {
      heardMs = timing.monotonicMs();
    },
    clear: () => cancel(),
  };
}
