/** Maps with typed keys and values. */
import { setImmediate } from 'node:timers/promises';
import { nativeAddon } from './native.ts';
import type { Descriptor, NativeBpf } from './native-bpf.ts';

/** Entries that are decoded in one turn of the event loop: a few milliseconds. */
const BATCH = 4096;

/** How a value stands in bytes; `src/generated` has one for each structure. */
export interface TableCodec<Value> {
  readonly size: number;
  write(view: DataView, at: number, value: Value): void;
  read(view: DataView, at: number): Value;
}

export interface TableCodecs<Key, Value> {
  readonly key: TableCodec<Key>;
  readonly value: TableCodec<Value>;
}

/** A map of the kernel. Every call works off the event loop, and rejects with an Error that has `code` and names the map. */
export interface Table<Key, Value> {
  /** Writes entries in this order; what is there under the same key is replaced. Not atomic: a failure leaves the first ones. */
  set(entries: readonly (readonly [Key, Value])[]): Promise<void>;
  /** Returns how many of them were there. */
  delete(keys: readonly Key[]): Promise<number>;
  get(key: Key): Promise<Value | undefined>;
  /** All entries, in no order. */
  entries(): Promise<readonly (readonly [Key, Value])[]>;
  /** The same in parts: the event loop turns between them, and none outlives its turn. */
  batches(): AsyncIterable<readonly (readonly [Key, Value])[]>;
  /** How many entries it can hold. */
  capacity(): Promise<number>;
}

/** A per-CPU map that programs count in: a value for each CPU. */
export interface CounterTable<Key, Value> {
  entries(): Promise<readonly (readonly [Key, readonly Value[]])[]>;
  /** Returns how many of them were there. */
  delete(keys: readonly Key[]): Promise<number>;
}

export function openTable<Key, Value>(
  map: Descriptor,
  { key, value }: TableCodecs<Key, Value>,
): Table<Key, Value> {
  const native = nativeAddon();
  return {
    async set(entries) {
      if (entries.length === 0) return;
      await native.updateMap(
        map,
        encodeAll(key, entries, ([name]) => name),
        encodeAll(value, entries, ([, content]) => content),
      );
    },
    async delete(keys) {
      return keys.length === 0
        ? 0
        : native.deleteFromMap(
            map,
            encodeAll(key, keys, (name) => name),
          );
    },
    async get(name) {
      const bytes = await native.lookUpInMap(
        map,
        encodeAll(key, [name], (only) => only),
      );
      return bytes === null ? undefined : value.read(viewOf(bytes), 0);
    },
    async entries() {
      return decoded(await native.readMap(map), { key, value }, 0, Number.POSITIVE_INFINITY);
    },
    async *batches() {
      const bytes = await native.readMap(map);
      for (let from = 0; from < bytes.count; from += BATCH) {
        yield decoded(bytes, { key, value }, from, BATCH);
        await setImmediate();
      }
    },
    capacity: async () => (await native.describeMap(map)).maxEntries,
  };
}

export function openCounterTable<Key, Value>(
  map: Descriptor,
  { key, value }: TableCodecs<Key, Value>,
): CounterTable<Key, Value> {
  const native = nativeAddon();
  // The kernel gives each CPU's value a place of whole 8 bytes.
  const step = Math.ceil(value.size / 8) * 8;
  return {
    async entries() {
      const { count, keys, values } = await native.readMap(map);
      const [names, contents] = [viewOf(keys), viewOf(values)];
      const bytes = count === 0 ? 0 : values.length / count;
      return Array.from({ length: count }, (_, index) => {
        const processors = Array.from({ length: bytes / step }, (_, processor) =>
          value.read(contents, index * bytes + processor * step),
        );
        return [key.read(names, index * key.size), processors] as const;
      });
    },
    async delete(keys) {
      return keys.length === 0
        ? 0
        : native.deleteFromMap(
            map,
            encodeAll(key, keys, (name) => name),
          );
    },
  };
}

/** The entries from the one numbered `from`, at most so many. */
function decoded<Key, Value>(
  { count, keys, values }: Awaited<ReturnType<NativeBpf['readMap']>>,
  { key, value }: TableCodecs<Key, Value>,
  from: number,
  most: number,
): readonly (readonly [Key, Value])[] {
  const [names, contents] = [viewOf(keys), viewOf(values)];
  return Array.from({ length: Math.min(count - from, most) }, (_, index) => {
    const at = from + index;
    return [key.read(names, at * key.size), value.read(contents, at * value.size)] as const;
  });
}

function encodeAll<Entry, Value>(
  codec: TableCodec<Value>,
  entries: readonly Entry[],
  part: (entry: Entry) => Value,
): Uint8Array {
  const bytes = new Uint8Array(entries.length * codec.size);
  const view = viewOf(bytes);
  for (const [index, entry] of entries.entries()) codec.write(view, index * codec.size, part(entry));
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
