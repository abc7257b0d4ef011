/** Why the server can't be followed, in the log: a line when that changes, not one for each try. */
import type { Timing } from './timing.ts';

export interface ReasonLog {
  /** The reason now; null: all is well. */
  note(reason: string | null): void;
  /** Nothing is told any more. */
  stop(): void;
}

export interface ReasonLogOptions {
  readonly timing: Timing;
  readonly warn: (line: string) => void;
  readonly info: (line: string) => void;
}

/** A server that answers and fails in turn is not well. */
const PEACE_MS = 5000;
/** Reasons that take turns are told again after this. */
const AGAIN_MS = 60_000;

/** Has told nothing yet. */
export function createReasonLog({ timing, warn, info }: ReasonLogOptions): ReasonLog {
  /** When each reason of this outage was told last. */
  const toldMs = new Map<string, number>();
  let last: string | null = null;
  let cancel = (): void => {};
  const atPeace = (): void => {
    toldMs.clear();
    last = null;
    info('API server: followed again');
  };
  return {
    note(reason) {
      cancel();
      cancel = () => {};
      if (reason === null) {
        if (last !== null) cancel = timing.schedule(PEACE_MS, atPeace);
        return;
      }
      const nowMs = timing.monotonicMs();
      const againMs = (toldMs.get(reason) ?? Number.NEGATIVE_INFINITY) + AGAIN_MS;
      if (reason === last || nowMs < againMs) return;
      last = reason;
      toldMs.set(reason, nowMs);
      warn(`API server: ${reason}`);
    },
    stop: () => cancel(),
  };
}
