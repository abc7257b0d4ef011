/** Long lists without long turns of the event loop. */
import { setImmediate } from 'node:timers/promises';

/** The list in parts of at most `size`; the event loop turns between two of them. */
export async function* inTurns<Item>(items: readonly Item[], size: number): AsyncGenerator<readonly Item[]> {
  for (let from = 0; from < items.length; from += size) {
    if (from > 0) await setImmediate();
    yield items.slice(from, from + size);
  }
}
