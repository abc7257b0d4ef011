/** When to look at the folder: soon after an event, now and then, and at once when asked; never two looks together. */

export interface LookSchedule {
  /** Looks at the file (null: at everything) within the time given, together with all that is asked until then. */
  ask(path: string | null, withinMs: number): void;
  /** Looks at everything once the looks under way are over; rejects with what the look throws. */
  lookNow(): Promise<void>;
  /** No look begins any more; resolves when the last one is over. */
  stop(): Promise<void>;
}

/**
 * @param look given the files to look at; null for everything
 * @param fail told of looks that threw and that nobody waits for
 */
export function createLookSchedule(
  look: (scope: ReadonlySet<string> | null) => Promise<void>,
  fail: (cause: unknown) => void,
): LookSchedule {
  let asked: Set<string> | null = new Set();
  let due: { readonly timer: NodeJS.Timeout; readonly atMs: number } | undefined;
  let stopped = false;
  let queue: Promise<void> = Promise.resolve();

  function enqueue(scope: ReadonlySet<string> | null): Promise<void> {
    const next = queue.then(() => (stopped ? undefined : look(scope)));
    queue = next.catch(() => undefined);
    return next;
  }

  function begin(): void {
    const scope = asked;
    asked = new Set();
    due = undefined;
    enqueue(scope).catch(fail);
  }

  return {
    ask(path, withinMs) {
      if (path === null) asked = null;
      else asked?.add(path);
      const atMs = performance.now() + withinMs;
      if (stopped || (due !== undefined && due.atMs <= atMs)) return;
      clearTimeout(due?.timer);
      // Following a folder alone must not keep a process alive.
      due = { timer: setTimeout(begin, withinMs).unref(), atMs };
    },
    lookNow: () => enqueue(null),
    async stop() {
      stopped = true;
      clearTimeout(due?.timer);
      await queue;
    },
  };
}
