/**
 * `node scripts/generate-abi.ts`: writes src/generated/ from the BTF of the compiled programs: types and codecs of the
 * structures that maps hold, words for enum values, and the layout that a file is compared with when it is loaded. What
 * the programs on sockets share with those of policy stands with the latter.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  describeObjectFile,
  type EnumLayout,
  type FieldLayout,
  type ObjectLayout,
  type StructLayout,
} from '../src/kernel/object-file.ts';

interface Beside {
  readonly structs: readonly string[];
  readonly enums: readonly string[];
}

/** What is agreed between programs and agent though no map has it as key or value. */
const BESIDE_MAPS = {
  policy: { structs: ['policy_event', 'sweep'], enums: ['tally'] },
  socket: { structs: [], enums: ['socket_tally'] },
} satisfies Record<string, Beside>;

/** Maps whose values only programs can read: the agent has no use for their codecs. */
const SOCKET_STORAGE = 24;

/** The text of each generated file by its path, from the programs as they are compiled now. */
export function generatedSources(): ReadonlyMap<string, string> {
  const policy = layoutOf('policy');
  return new Map([
    [generatedFile('codec'), CODEC_SOURCE],
    [generatedFile('policy'), policySource(policy)],
    [generatedFile('socket'), socketSource(layoutOf('socket'), policy)],
  ]);
}

function generatedFile(name: string): string {
  return fileURLToPath(new URL(`../src/generated/${name}.ts`, import.meta.url));
}

function layoutOf(name: keyof typeof BESIDE_MAPS): ObjectLayout {
  const path = fileURLToPath(new URL(`../bpf/build/${name}.bpf.o`, import.meta.url));
  return agreed(describeObjectFile(path, readFileSync(path)), BESIDE_MAPS[name]);
}

function policySource(layout: ObjectLayout): string {
  return [
    head('policy'),
    `import { bytesAt, type Codec, u32, wordOf } from './codec.ts';\n`,
    codecsSource(layout),
    `/** What these codecs were made from. */\nexport const LAYOUT = ${JSON.stringify(layout, null, 2)} as const;\n`,
  ].join('\n');
}

function socketSource(layout: ObjectLayout, policy: ObjectLayout): string {
  const codecs = codecsSource(ownPart(layout, policy));
  const used = ['bytesAt', 'type Codec', 'u32', 'wordOf'].filter((name) =>
    new RegExp(`\\b${name.replace('type ', '')}\\b`).test(codecs),
  );
  return [
    head('socket'),
    `import { ${used.join(', ')} } from './codec.ts';`,
    `import { LAYOUT as POLICY } from './policy.ts';\n`,
    codecs,
    `/** What these codecs were made from, and what the programs share with those of policy. */\nexport const LAYOUT = {`,
    ...(['structs', 'enums', 'maps', 'constants'] as const).map(
      (part) => `  ${part}: {\n${memberLines(part, layout[part], policy[part])}\n  },`,
    ),
    '} as const;\n',
  ].join('\n');
}

/** What the agent reads or writes of a layout, and the other one does not have; with what that is made of. */
function ownPart(layout: ObjectLayout, other: ObjectLayout): ObjectLayout {
  const without = <Value>(part: Readonly<Record<string, Value>>, known: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(part).filter(([name]) => !(name in known)));
  const maps = Object.entries(without(layout.maps, other.maps)).filter(
    ([, { type }]) => type !== SOCKET_STORAGE,
  );
  const named = [...maps.flatMap(([, { key, value }]) => [key, value]), ...Object.values(layout.constants)];
  const read = new Set<string>();
  const add = (name: string): void => {
    for (const { type } of layout.structs[name]?.fields ?? []) add(type);
    if (name in layout.structs) read.add(name);
  };
  named.forEach(add);
  return {
    ...layout,
    structs: pick(layout.structs, read),
    enums: without(layout.enums, other.enums),
    maps: Object.fromEntries(maps),
  };
}

/** Types, words and codecs of a layout. */
function codecsSource(layout: ObjectLayout): string {
  return [
    ...Object.entries(layout.enums).map(([name, value]) => enumSource(name, value)),
    ...Object.entries(layout.structs)
      .filter(([, struct]) => onlyBytes(struct) === undefined)
      .map(([name, struct]) => structSource(name, struct, layout)),
    tablesSource(layout),
  ].join('\n');
}

/** Members of a part of the layout; those that the policy programs have as well are named, not repeated. */
function memberLines(
  part: string,
  own: Readonly<Record<string, unknown>>,
  policy: Readonly<Record<string, unknown>>,
): string {
  return Object.entries(own)
    .map(([name, value]) => {
      const text = JSON.stringify(value);
      return `    ${name}: ${text === JSON.stringify(policy[name]) ? `POLICY.${part}.${name}` : text},`;
    })
    .join('\n');
}

const CODEC_SOURCE = `/** Made by scripts/generate-abi.ts: what all codecs are made of. Not edited. */

/** How a value stands in the bytes of a map: numbers in the machine's byte order (little-endian), but \`network\` ones. */
export interface Codec<Value> {
  /** Bytes. */
  readonly size: number;
  write(view: DataView, at: number, value: Value): void;
  /** Throws a RangeError for bytes that no value has. */
  read(view: DataView, at: number): Value;
}

export function bytesAt(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size);
}

export function wordOf<Word>(words: readonly Word[], number: number, what: string): Word {
  const word = words[number];
  if (word === undefined) throw new RangeError(\`\${number} is no \${what}\`);
  return word;
}

export const u32: Codec<number> = {
  size: 4,
  write: (view, at, value) => view.setUint32(at, value, true),
  read: (view, at) => view.getUint32(at, true),
};
`;

function head(name: string): string {
  return `/** Made by scripts/generate-abi.ts from the BTF of bpf/prog/${name}.bpf.c, whose headers say what each field means. Not edited. */`;
}

/** The part of an object's layout that its programs and the agent have to agree on. */
function agreed(layout: ObjectLayout, beside: Beside): ObjectLayout {
  const structs = new Set<string>();
  const enums = new Set(beside.enums);
  const add = (name: string): void => {
    const struct = layout.structs[name];
    if (struct === undefined || structs.has(name)) return;
    for (const field of struct.fields) {
      if (field.form === 'struct') add(field.type);
      if (field.form === 'enum') enums.add(field.type);
    }
    structs.add(name);
  };
  const named = Object.values(layout.maps).flatMap(({ key, value }) => [key, value]);
  for (const name of [...named, ...Object.values(layout.constants), ...beside.structs].sort()) add(name);
  return {
    structs: pick(layout.structs, structs),
    enums: pick(layout.enums, enums),
    maps: pick(layout.maps, Object.keys(layout.maps).sort()),
    constants: layout.constants,
  };
}

function pick<Value>(
  record: Readonly<Record<string, Value>>,
  names: Iterable<string>,
): Record<string, Value> {
  return Object.fromEntries(
    [...names].map((name) => {
      const value = record[name];
      if (value === undefined) throw new Error(`the object has no type ${name}`);
      return [name, value];
    }),
  );
}

function enumSource(name: string, { values }: EnumLayout): string {
  const words = wordsOf(values);
  return [
    `export type ${typeName(name)} = ${words.map((word) => `'${word}'`).join(' | ')};`,
    `/** A word's number is its index. */`,
    `export const ${constantName(name)}_WORDS: readonly ${typeName(name)}[] = [${words.map((word) => `'${word}'`).join(', ')}];`,
    '',
  ].join('\n');
}

/** Words without the prefix that all share: \`spoofed-source\`. Values must count from 0. */
function wordsOf(values: Readonly<Record<string, number>>): readonly string[] {
  const entries = Object.entries(values).sort(([, a], [, b]) => a - b);
  const parts = entries.map(([name]) => name.split('_'));
  if (entries.some(([, value], index) => value !== index))
    throw new Error(`values of an enum must count from 0: ${entries.join(' ')}`);
  const [first = []] = parts;
  const shared = first.findIndex((part, index) => parts.some((other) => other[index] !== part));
  return parts.map((words) => words.slice(Math.max(0, shared)).join('-').toLowerCase());
}

function structSource(name: string, struct: StructLayout, layout: ObjectLayout): string {
  const fields = struct.fields.filter((field) => !field.name.startsWith('padding'));
  const lines = (each: (field: FieldLayout) => string) => fields.map(each).join('\n');
  return `export interface ${typeName(name)} {
${lines((field) => `  readonly ${camel(field.name)}: ${fieldType(field, layout)};`)}
}

export const ${camel(name)}Codec: Codec<${typeName(name)}> = {
  size: ${struct.size},
  write(view, at, value) {
${lines((field) => `    ${writeField(field, layout)}`)}
  },
  read: (view, at) => ({
${lines((field) => `    ${camel(field.name)}: ${readField(field, layout)},`)}
  }),
};
`;
}

/** Bytes of a structure that is nothing but bytes; such a structure is a Uint8Array. */
function onlyBytes(struct: StructLayout | undefined): number | undefined {
  const [field, ...others] = struct?.fields ?? [];
  return field?.form === 'bytes' && others.length === 0 ? field.size : undefined;
}

/** How many bytes a field is, where it is bytes. */
function byteCount(field: FieldLayout, layout: ObjectLayout): number | undefined {
  return field.form === 'bytes' ? field.size : onlyBytes(layout.structs[field.type]);
}

function fieldType(field: FieldLayout, layout: ObjectLayout): string {
  if (byteCount(field, layout) !== undefined) return 'Uint8Array';
  const one = field.form === 'enum' || field.form === 'struct' ? typeName(field.type) : 'number';
  return field.count === 1 ? one : `readonly [${Array.from({ length: field.count }, () => one).join(', ')}]`;
}

/** The places of a field's elements, and how each is named within the value; one for what is no array. */
function elements(field: FieldLayout): readonly { readonly at: string; readonly index: string }[] {
  const size = field.size / field.count;
  return Array.from({ length: field.count }, (_, index) => ({
    at: position(field.offset + index * size),
    index: field.count === 1 ? '' : `[${index}]`,
  }));
}

function writeField(field: FieldLayout, layout: ObjectLayout): string {
  const value = `value.${camel(field.name)}`;
  const place = position(field.offset);
  if (byteCount(field, layout) !== undefined) return `bytesAt(view, ${place}, ${field.size}).set(${value});`;
  return elements(field)
    .map(({ at, index }) => writeElement(field, at, `${value}${index}`))
    .join(' ');
}

function writeElement(field: FieldLayout, at: string, value: string): string {
  const size = field.size / field.count;
  if (field.form === 'struct') return `${camel(field.type)}Codec.write(view, ${at}, ${value});`;
  const number = field.form === 'enum' ? `${constantName(field.type)}_WORDS.indexOf(${value})` : value;
  if (size === 8) return `view.setBigUint64(${at}, BigInt(${number})${order(field)});`;
  return `view.setUint${size * 8}(${at}, ${number}${size === 1 ? '' : order(field)});`;
}

function readField(field: FieldLayout, layout: ObjectLayout): string {
  const place = position(field.offset);
  if (byteCount(field, layout) !== undefined) return `bytesAt(view, ${place}, ${field.size}).slice()`;
  const values = elements(field).map(({ at }) => readElement(field, at));
  return field.count === 1 ? values.join() : `[${values.join(', ')}]`;
}

function readElement(field: FieldLayout, at: string): string {
  const size = field.size / field.count;
  if (field.form === 'struct') return `${camel(field.type)}Codec.read(view, ${at})`;
  const number =
    size === 8
      ? `Number(view.getBigUint64(${at}${order(field)}))`
      : `view.getUint${size * 8}(${at}${size === 1 ? '' : order(field)})`;
  return field.form === 'enum'
    ? `wordOf(${constantName(field.type)}_WORDS, ${number}, '${field.type}')`
    : number;
}

function order({ form }: FieldLayout): string {
  return form === 'network' ? '' : ', true';
}

function position(offset: number): string {
  return offset === 0 ? 'at' : `at + ${offset}`;
}

function tablesSource(layout: ObjectLayout): string {
  const codec = (name: string) => {
    const bytes = onlyBytes(layout.structs[name]);
    if (bytes === undefined) return name === 'u32' ? 'u32' : `${camel(name)}Codec`;
    return `{ size: ${bytes}, write: (view, at, value) => bytesAt(view, at, ${bytes}).set(value), read: (view, at) => bytesAt(view, at, ${bytes}).slice() } satisfies Codec<Uint8Array>`;
  };
  const lines = Object.entries(layout.maps)
    .filter(([, { key }]) => key !== '')
    .map(([name, { key, value }]) => `  ${name}: { key: ${codec(key)}, value: ${codec(value)} },`);
  return `/** Keys and values of each map. */\nexport const TABLES = {\n${lines.join('\n')}\n} as const;\n`;
}

function typeName(name: string): string {
  const text = camel(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function constantName(name: string): string {
  return name.toUpperCase();
}

if (import.meta.main) for (const [path, text] of generatedSources()) writeFileSync(path, text);
