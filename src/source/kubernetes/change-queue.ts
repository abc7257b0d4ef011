/** Changes of all kinds on their way to the listener: held until every kind is whole, then once per tick. */
import type { ObjectKey } from '../../model/names.ts';
import type { ObjectChange, Problem } from '../../model/objects.ts';
import type { SourceBatch } from '../../model/source.ts';
import type { ChangeSink } from './known-objects.ts';

export interface ChangeQueue extends ChangeSink {
  /** Every kind has been heard in full: deliver from now on, what is held first. */
  open(): void;
  /** Delivers what waits, now. */
  flush(): void;
  /** Nothing is delivered any more. */
  close(): void;
}

export interface ChangeQueueOptions {
  readonly deliver: (batch: SourceBatch) => void;
  readonly problems: () => readonly Problem[];
  /** Told what the listener threw. */
  readonly onThrow: (error: unknown) => void;
}

/** Makes a queue that holds everything until it is opened. */
export function createChangeQueue({ deliver, problems, onThrow }: ChangeQueueOptions): ChangeQueue {
  const changes = new Map<ObjectKey, ObjectChange>();
  let phase: 'held' | 'open' | 'closed' = 'held';
  let due = false;
  let planned = false;

  function flush(): void {
    if (phase !== 'open' || !due) return;
    due = false;
    const batch = { changes: [...changes.values()], problems: problems() };
    changes.clear();
    try {
      deliver(batch);
    } catch (error) {
      onThrow(error);
    }
  }

  function plan(): void {
    due = true;
    if (phase !== 'open' || planned) return;
    planned = true;
    setImmediate(() => {
      planned = false;
      flush();
    });
  }

  return {
    change(key, change) {
      // Deleted first, so that the order of the batch is that of the last changes.
      changes.delete(key);
      changes.set(key, change);
      plan();
    },
    problemsChanged: plan,
    open() {
      if (phase !== 'held') return;
      phase = 'open';
      due = true;
      flush();
    },
    flush,
    close() {
      phase = 'closed';
    },
  };
}
