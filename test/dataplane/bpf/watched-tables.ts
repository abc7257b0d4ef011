/** Tables of which every write is seen on its own, however many a dataplane asks for at once. */
import type { Table } from '../../../src/kernel/bpf-table.ts';

/**
 * Makes tables that write and delete entry by entry, one after the other whatever table they are of, and call `wrote`
 * after each.
 */
export function watchWrites(wrote: () => Promise<void>) {
  // Also of writes that are not waited for in turn.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  return <Key, Value>(table: Table<Key, Value>): Table<Key, Value> => ({
    ...table,
    set: (entries) =>
      inTurn(async () => {
        for (const entry of entries) {
          await table.set([entry]);
          await wrote();
        }
      }),
    delete: (keys) =>
      inTurn(async () => {
        let deleted = 0;
        for (const key of keys) {
          deleted += await table.delete([key]);
          await wrote();
        }
        return deleted;
      }),
  });
}
