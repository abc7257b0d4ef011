/** Tables whose entries stand for themselves, each under a name of its own: addresses and prefixes. */
import type { Table } from '../../../kernel/bpf-table.ts';

export interface NamedEntries<Name, Value> {
  /** What stands in the table. */
  readonly current: ReadonlyMap<Name, Value>;
  readonly capacity: number;
  /** Removes those that are there, and returns how many. */
  remove(names: Iterable<Name>): Promise<number>;
  /** Writes those that differ; returns how many, and those for which there is no room. */
  put(entries: Iterable<readonly [Name, Value]>): Promise<PutReport<Name>>;
}

export interface PutReport<Name> {
  readonly written: number;
  readonly missing: readonly Name[];
}

export interface NamedEntryForm<Key, Value, Name> {
  key(name: Name): Key;
  name(key: Key): Name;
  isSame(one: Value, other: Value): boolean;
}

/** Reads the table. */
export async function readNamedEntries<Key, Value, Name>(
  table: Table<Key, Value>,
  form: NamedEntryForm<Key, Value, Name>,
): Promise<NamedEntries<Name, Value>> {
  const current = new Map<Name, Value>();
  for await (const batch of table.batches())
    for (const [key, value] of batch) current.set(form.name(key), value);
  const capacity = await table.capacity();
  return {
    current,
    capacity,
    async remove(names) {
      const gone = [...names].filter((name) => current.has(name));
      await table.delete(gone.map(form.key));
      for (const name of gone) current.delete(name);
      return gone.length;
    },
    async put(entries) {
      const fresh: (readonly [Name, Value])[] = [];
      const missing: Name[] = [];
      let size = current.size;
      for (const [name, value] of entries) {
        const before = current.get(name);
        if (before !== undefined && form.isSame(before, value)) continue;
        if (before === undefined && size >= capacity) missing.push(name);
        else fresh.push([name, value]);
        if (before === undefined) size++;
      }
      await table.set(fresh.map(([name, value]) => [form.key(name), value] as const));
      for (const [name, value] of fresh) current.set(name, value);
      return { written: fresh.length, missing };
    },
  };
}
