/** How entries of maps are laid out: those of an object by its description, those in the kernel by the types they came with. */
import { isDeepStrictEqual } from 'node:util';
import { parseTypes } from './btf.ts';
import { nativeAddon } from './native.ts';
import type { Descriptor } from './native-bpf.ts';
import {
  type FieldLayout,
  type MapLayout,
  namedLayouts,
  type ObjectLayout,
  typeName,
} from './object-file.ts';

/** A key or value, with all that it is made of. */
export type ValueLayout =
  | { readonly kind: 'number'; readonly size: number; readonly network: boolean }
  | { readonly kind: 'bytes'; readonly size: number }
  | { readonly kind: 'enum'; readonly size: number; readonly values: Readonly<Record<string, number>> }
  | { readonly kind: 'struct'; readonly size: number; readonly fields: readonly ValueField[] };

/** A field: one value, or an array of them. */
export interface ValueField {
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  readonly count: number;
  readonly of: ValueLayout;
}

export interface EntryLayout extends Omit<MapLayout, 'key' | 'value'> {
  /** null: the map has none. */
  readonly key: ValueLayout | null;
  readonly value: ValueLayout | null;
}

type Types = Pick<ObjectLayout, 'structs' | 'enums'>;

/** The entries of an object's map. Throws an Error for a type that the layout does not have. */
export function entryLayout(map: MapLayout, types: Types): EntryLayout {
  return { ...map, key: valueLayout(map.key, types), value: valueLayout(map.value, types) };
}

/** The entries of a map in the kernel. Rejects with the kernel's Error, and for types that can't be read. */
export async function entryLayoutOf(map: Descriptor): Promise<EntryLayout> {
  const native = nativeAddon();
  const [{ type, maxEntries, flags, name }, { types: bytes, key, value }] = await Promise.all([
    native.describeMap(map),
    native.mapTypes(map),
  ]);
  const types = bytes.length === 0 ? [] : parseTypes(`types of the map ${name}`, bytes);
  const found = { type, maxEntries, flags, key: typeName(types, key), value: typeName(types, value) };
  return entryLayout(found, namedLayouts(types));
}

/** A structure of the object that a map in the kernel came with; null where that has none of this name. */
export async function structBeside(map: Descriptor, name: string): Promise<ValueLayout | null> {
  const { types } = await nativeAddon().mapTypes(map);
  const layouts = namedLayouts(types.length === 0 ? [] : parseTypes(`types beside ${name}`, types));
  return name in layouts.structs ? valueLayout(name, layouts) : null;
}

/** Entries of one are entries of the other, byte by byte. */
export function sameEntries(a: EntryLayout, b: EntryLayout): boolean {
  return isDeepStrictEqual(a, b);
}

/** A type by its name; null for ''. Throws an Error for one that there is not. */
export function valueLayout(name: string, types: Types): ValueLayout | null {
  if (name === '') return null;
  const number = /^u(\d+)$/.exec(name);
  if (number !== null) return { kind: 'number', size: Number(number[1]) / 8, network: false };
  const struct = types.structs[name];
  if (struct === undefined) throw new Error(`no structure is named ${name}`);
  return {
    kind: 'struct',
    size: struct.size,
    fields: struct.fields.map((field) => ({
      name: field.name,
      offset: field.offset,
      count: field.count,
      of: elementLayout(field, types),
    })),
  };
}

function elementLayout({ form, size, count, type }: FieldLayout, types: Types): ValueLayout {
  if (form === 'bytes') return { kind: 'bytes', size };
  if (form === 'struct') return valueLayout(type, types) ?? { kind: 'bytes', size };
  const own = size / count;
  const found = form === 'enum' ? types.enums[type] : undefined;
  if (found !== undefined) return { kind: 'enum', size: own, values: found.values };
  return { kind: 'number', size: own, network: form === 'network' };
}
