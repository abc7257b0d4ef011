/** The event loop shared out: who reads for long lets others have their turn in between. */

export interface Turns {
  /** Call between two pieces of work: resolves at once while this turn is young, else in a turn of its own. */
  next(): Promise<void>;
}

/** Short against the 60 ms that anything else of an agent may be kept waiting. */
const TURN_MS = 8;

/**
 * Makes turns for readers that share them. Of those that wait, one goes on in each turn of the event loop: together they
 * block no longer than one alone.
 */
export function createTurns(nowMs: () => number): Turns {
  const waiting: (() => void)[] = [];
  let begunMs = nowMs();
  let planned = false;

  function begin(): void {
    begunMs = nowMs();
    waiting.shift()?.();
    planned = waiting.length > 0;
    if (planned) setImmediate(begin);
  }

  return {
    async next() {
      if (nowMs() - begunMs < TURN_MS) return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (planned) return;
        planned = true;
        setImmediate(begin);
      });
    },
  };
}
