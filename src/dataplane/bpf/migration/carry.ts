/** Moves entries from a map to one of another layout. */
import { setImmediate } from 'node:timers/promises';
import type { EntryLayout, ValueLayout } from '../../../kernel/map-layout.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import { conversionBetween, readNumber } from './conversion.ts';

export interface LaidOutMap {
  /** The kernel's. */
  readonly id: number;
  readonly map: Descriptor;
  readonly layout: EntryLayout;
}

/** Which of the source's entries are written, beside those that the target lacks. */
export type Precedence =
  /** All; nobody reads the target yet. */
  | 'source'
  /** None. */
  | 'target'
  /** Those whose field of this name, a time of 8 bytes, is later than the target's. */
  | { readonly later: string };

/** Entries one after the other: hundreds of thousands must not be as many objects. */
export interface PackedEntries {
  readonly count: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; of per-CPU maps those of all processors. */
  readonly valueSize: number;
  /** There may be room behind the last entry. */
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** Entries converted or written in one turn of the event loop: a few milliseconds. */
const BATCH = 2048;
const NO_ROOM = new Set(['E2BIG', 'ENOSPC', 'ENOMEM']);
/** Is 0 in every entry that is carried: what was judged by rows of one map must not pass for judged by those of another. */
const JUDGED_BY = 'revision';

/** Entries that were written. */
export interface CarriedEntries extends PackedEntries {
  /** So many of them, the first ones, were not there before. */
  readonly added: number;
}

/** Entries that find no room are left out. Rejects with the kernel's Error. */
export async function carryEntries(
  source: LaidOutMap,
  target: LaidOutMap,
  precedence: Precedence,
): Promise<CarriedEntries> {
  const all = await convertedEntries(source, target);
  const entries =
    precedence === 'source' ? { ...all, added: all.count } : await preceding(all, target, precedence);
  for (let at = 0; at < entries.count; at += BATCH) {
    const { keys, values } = part(entries, at, at + BATCH);
    try {
      await nativeAddon().updateMap(target.map, keys, values);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      return { ...part(entries, 0, at), added: Math.min(entries.added, at) };
    }
  }
  return entries;
}

async function convertedEntries(source: LaidOutMap, target: LaidOutMap): Promise<PackedEntries> {
  const [from, to] = [source.layout, target.layout];
  if (from.key === null || from.value === null || to.key === null || to.value === null)
    return roomFor(0, 0, 0);
  const native = nativeAddon();
  const { count: found, keys, values } = await native.readMap(source.map);
  const { valueSize } = await native.describeMap(target.map);
  const converted = roomFor(found, to.key.size, valueSize);
  const [oldKeys, oldValues] = [viewOf(keys), viewOf(values)];
  const [newKeys, newValues] = [viewOf(converted.keys), viewOf(converted.values)];
  const convertKey = conversionBetween(from.key, to.key);
  const convertValue = perProcessor(from.value, values.length / found, to.value, valueSize);
  const judgedBy = offsetOf(to.value, JUDGED_BY);
  let count = 0;
  for (let index = 0; index < found; index++) {
    if (index % BATCH === BATCH - 1) await setImmediate();
    // A key that can't be said would stand for something else.
    if (!convertKey(oldKeys, index * from.key.size, newKeys, count * to.key.size)) continue;
    convertValue(oldValues, index, newValues, count);
    if (judgedBy !== null) newValues.setUint32(count * valueSize + judgedBy, 0, true);
    count += 1;
  }
  return { ...converted, count };
}

/** Converts values by their indexes: of a per-CPU map one for each processor, each in a place of whole 8 bytes. */
function perProcessor(old: ValueLayout, oldStep: number, wanted: ValueLayout, step: number) {
  const convert = conversionBetween(old, wanted);
  const placeOf = (size: number, all: number) => (size === all ? size : Math.ceil(size / 8) * 8);
  const [oldPlace, place] = [placeOf(old.size, oldStep), placeOf(wanted.size, step)];
  const processors = Math.floor(Math.min(oldStep / oldPlace, step / place));
  return (source: DataView, from: number, target: DataView, to: number): void => {
    for (let processor = 0; processor < processors; processor++)
      convert(source, from * oldStep + processor * oldPlace, target, to * step + processor * place);
  };
}

/** Those that the target lacks, then those that it has an earlier one of. */
async function preceding(
  entries: PackedEntries,
  { map, layout }: LaidOutMap,
  precedence: Exclude<Precedence, 'source'>,
): Promise<CarriedEntries> {
  const { count, keySize, valueSize } = entries;
  if (count === 0 || layout.value === null) return { ...entries, added: count };
  const there = await nativeAddon().readMap(map);
  const known = new Map(
    Array.from({ length: there.count }, (_, index) => [textOf(there.keys, index, keySize), index] as const),
  );
  const offset = precedence === 'target' ? null : offsetOf(layout.value, precedence.later);
  const [ours, theirs] = [viewOf(entries.values), viewOf(there.values)];
  const timeOf = (view: DataView, index: number, at: number) => readNumber(view, index * valueSize + at, 8);
  const [added, later]: [number[], number[]] = [[], []];
  for (let index = 0; index < count; index++) {
    const other = known.get(textOf(entries.keys, index, keySize));
    if (other === undefined) added.push(index);
    else if (offset !== null && timeOf(ours, index, offset) > timeOf(theirs, other, offset))
      later.push(index);
  }
  return { ...chosen(entries, [...added, ...later]), added: added.length };
}

function chosen(entries: PackedEntries, indexes: readonly number[]): PackedEntries {
  const { keySize, valueSize } = entries;
  const copy = roomFor(indexes.length, keySize, valueSize);
  for (const [place, index] of indexes.entries()) {
    const one = part(entries, index, index + 1);
    copy.keys.set(one.keys, place * keySize);
    copy.values.set(one.values, place * valueSize);
  }
  return copy;
}

function roomFor(count: number, keySize: number, valueSize: number): PackedEntries {
  const [keys, values] = [new Uint8Array(count * keySize), new Uint8Array(count * valueSize)];
  return { count, keySize, valueSize, keys, values };
}

/** The entries from the one numbered `from` to that before `to`. */
function part(entries: PackedEntries, from: number, to: number): PackedEntries {
  const { keySize, valueSize } = entries;
  const end = Math.min(to, entries.count);
  return {
    ...entries,
    count: end - from,
    keys: entries.keys.subarray(from * keySize, end * keySize),
    values: entries.values.subarray(from * valueSize, end * valueSize),
  };
}

function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NO_ROOM.has(String(error.code));
}

/** Where the field of this name is in the value; null where it has none. */
export function offsetOf(value: ValueLayout, name: string): number | null {
  const fields = value.kind === 'struct' ? value.fields : [];
  return fields.find((field) => field.name === name)?.offset ?? null;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(bytes: Uint8Array, index: number, size: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + index * size, size).toString('latin1');
}
