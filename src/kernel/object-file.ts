/**
 * What a BPF object file says of itself: the layout of its structures, its enums, its maps and constants, read from the
 * file's BTF. The codecs in `src/generated` are made from this, and a file is compared with them before it is loaded.
 */
import { type BtfType, parseBtf } from './btf.ts';

/** One field of a structure: where it is and how its bytes are to be read. */
export interface FieldLayout {
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Bytes of the whole field. */
  readonly size: number;
  /**
   * `bytes`: an array of bytes; `network`: a number in network byte order, `number`: in the machine's; `enum` and `struct`:
   * of that type.
   */
  readonly form: 'bytes' | 'network' | 'number' | 'enum' | 'struct';
  /** Of an enum or struct; '' otherwise. */
  readonly type: string;
  /** How many of them, for arrays of numbers; 1 otherwise. */
  readonly count: number;
}

export interface StructLayout {
  readonly size: number;
  readonly fields: readonly FieldLayout[];
}

export interface EnumLayout {
  readonly size: number;
  readonly values: Readonly<Record<string, number>>;
}

export interface MapLayout {
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** Name of the structure, or `u32`; '' where the map has none. */
  readonly key: string;
  readonly value: string;
}

export interface ObjectLayout {
  readonly structs: Readonly<Record<string, StructLayout>>;
  readonly enums: Readonly<Record<string, EnumLayout>>;
  readonly maps: Readonly<Record<string, MapLayout>>;
  /** Variables of the section .rodata and their types. */
  readonly constants: Readonly<Record<string, string>>;
}

/** Structures of the kernel that programs take as arguments; they are no part of what is agreed between us. */
const FOREIGN = new Set(['__sk_buff', 'bpf_map']);

/** Throws an Error that names the file when it is no BPF object with BTF. */
export function describeObjectFile(path: string, file: Uint8Array): ObjectLayout {
  const types = parseBtf(path, file);
  return { ...namedLayouts(types), maps: mapsOf(types), constants: constantsOf(types) };
}

/** All structures and enums that have a name. */
export function namedLayouts(types: readonly BtfType[]): Pick<ObjectLayout, 'structs' | 'enums'> {
  const structs: Record<string, StructLayout> = {};
  const enums: Record<string, EnumLayout> = {};
  for (const type of types) {
    if (type.kind === 'struct' && type.name !== '' && !FOREIGN.has(type.name) && type.members.length > 0) {
      structs[type.name] = structLayout(types, type);
    } else if (type.kind === 'enum' && type.name !== '') {
      enums[type.name] = { size: type.size, values: Object.fromEntries(type.values) };
    }
  }
  return { structs, enums };
}

function structLayout(types: readonly BtfType[], struct: Extract<BtfType, { kind: 'struct' }>): StructLayout {
  return {
    size: struct.size,
    fields: struct.members.map((member) => ({
      name: member.name,
      offset: member.offset,
      ...fieldForm(types, member.type),
    })),
  };
}

type FieldForm = Pick<FieldLayout, 'size' | 'form' | 'type' | 'count'>;

function fieldForm(types: readonly BtfType[], id: number): FieldForm {
  const { type, names } = resolve(types, id);
  if (type.kind === 'array') {
    const element = fieldForm(types, type.element);
    const bytes = element.form === 'number' && element.size === 1;
    const size = element.size * type.count;
    return bytes ? { ...element, form: 'bytes', size } : { ...element, size, count: type.count };
  }
  if (type.kind === 'struct') return { size: type.size, form: 'struct', type: type.name, count: 1 };
  if (type.kind === 'enum') return { size: type.size, form: 'enum', type: type.name, count: 1 };
  const size = type.kind === 'number' ? type.size : 8;
  const network = names.some((name) => /^__be\d+$/.test(name));
  return { size, form: network ? 'network' : 'number', type: '', count: 1 };
}

/** The type behind typedefs and qualifiers, and the names of those typedefs. */
function resolve(types: readonly BtfType[], id: number): { type: BtfType; names: readonly string[] } {
  const names: string[] = [];
  let type = types[id];
  while (type?.kind === 'alias') {
    names.push(type.name);
    type = types[type.of];
  }
  return { type: type ?? { kind: 'other', name: '' }, names };
}

function variablesOf(types: readonly BtfType[], section: string) {
  const found = types.find((type) => type.kind === 'section' && type.name === section);
  const ids = found?.kind === 'section' ? found.variables : [];
  return ids.flatMap((id) => {
    const variable = types[id];
    return variable?.kind === 'variable' ? [variable] : [];
  });
}

function constantsOf(types: readonly BtfType[]): Record<string, string> {
  return Object.fromEntries(variablesOf(types, '.rodata').map(({ name, of }) => [name, typeName(types, of)]));
}

function mapsOf(types: readonly BtfType[]): Record<string, MapLayout> {
  return Object.fromEntries(variablesOf(types, '.maps').map(({ name, of }) => [name, mapLayout(types, of)]));
}

/** Maps are declared as structures of pointers: numbers as the length of an array, types as what is pointed to. */
function mapLayout(types: readonly BtfType[], id: number): MapLayout {
  const { type: declaration } = resolve(types, id);
  const members = declaration.kind === 'struct' ? declaration.members : [];
  const pointed = (name: string) => {
    const member = members.find((candidate) => candidate.name === name);
    const pointer = member === undefined ? undefined : types[member.type];
    return pointer?.kind === 'pointer' ? pointer.to : 0;
  };
  const number = (name: string) => {
    const array = types[pointed(name)];
    return array?.kind === 'array' ? array.count : 0;
  };
  return {
    type: number('type'),
    maxEntries: number('max_entries'),
    flags: number('map_flags'),
    key: typeName(types, pointed('key')),
    value: typeName(types, pointed('value')),
  };
}

/** Name of a structure, or `u32` and the like; '' where there is none. */
export function typeName(types: readonly BtfType[], id: number): string {
  const { type } = resolve(types, id);
  if (type.kind === 'number') return `u${type.size * 8}`;
  return type.name;
}
