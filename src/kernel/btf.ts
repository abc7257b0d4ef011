/** BTF, the type information of a BPF object file (Documentation/bpf/btf.rst), and just enough ELF to find it. */

/** One type; it refers to others by their index in the list. */
export type BtfType =
  | { readonly kind: 'number'; readonly name: string; readonly size: number }
  | { readonly kind: 'pointer'; readonly name: string; readonly to: number }
  | { readonly kind: 'array'; readonly name: string; readonly element: number; readonly count: number }
  | {
      readonly kind: 'struct';
      readonly name: string;
      readonly size: number;
      /** Offsets in bytes. */
      readonly members: readonly { readonly name: string; readonly type: number; readonly offset: number }[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly size: number;
      readonly values: readonly (readonly [name: string, value: number])[];
    }
  /** A typedef ('' for const, volatile, restrict). */
  | { readonly kind: 'alias'; readonly name: string; readonly of: number }
  | { readonly kind: 'variable'; readonly name: string; readonly of: number }
  | { readonly kind: 'section'; readonly name: string; readonly variables: readonly number[] }
  | { readonly kind: 'other'; readonly name: string };

const BTF_MAGIC = 0xeb9f;
const TYPE_BYTES = 12;
const MEMBER_BYTES = 12;

/** What is read of one type: its head, and where the bytes after the head begin. */
interface Head {
  readonly view: DataView;
  readonly at: number;
  readonly name: string;
  readonly length: number;
  /** Bit fields have their size in the offset. */
  readonly flag: boolean;
  readonly sizeOrType: number;
  readonly text: (offset: number) => string;
}

/** By the number of the kind: what it means, and how many bytes follow its head. */
const KINDS: Readonly<
  Record<number, { readonly parse: (head: Head) => BtfType; readonly extra: (length: number) => number }>
> = {
  1: { parse: ({ name, sizeOrType }) => ({ kind: 'number', name, size: sizeOrType }), extra: () => 4 },
  2: { parse: ({ name, sizeOrType }) => ({ kind: 'pointer', name, to: sizeOrType }), extra: () => 0 },
  3: { parse: parseArray, extra: () => 12 },
  4: { parse: parseStruct, extra: (length) => length * MEMBER_BYTES },
  5: { parse: other, extra: (length) => length * MEMBER_BYTES },
  6: { parse: parseEnum, extra: (length) => length * 8 },
  7: { parse: other, extra: () => 0 },
  8: { parse: alias, extra: () => 0 },
  9: { parse: alias, extra: () => 0 },
  10: { parse: alias, extra: () => 0 },
  11: { parse: alias, extra: () => 0 },
  12: { parse: other, extra: () => 0 },
  13: { parse: other, extra: (length) => length * 8 },
  14: { parse: ({ name, sizeOrType }) => ({ kind: 'variable', name, of: sizeOrType }), extra: () => 4 },
  15: { parse: parseSection, extra: (length) => length * MEMBER_BYTES },
  16: { parse: ({ name, sizeOrType }) => ({ kind: 'number', name, size: sizeOrType }), extra: () => 0 },
  17: { parse: other, extra: () => 4 },
  18: { parse: alias, extra: () => 0 },
  19: { parse: other, extra: (length) => length * 12 },
};

/** The types of an object file by their numbers (0 is `void`). Throws an Error that names the file when it has none. */
export function parseBtf(path: string, file: Uint8Array): readonly BtfType[] {
  try {
    return parseTypes(path, elfSection(path, file, '.BTF'));
  } catch (cause) {
    if (cause instanceof RangeError) throw new Error(`${path}: the file is cut short`, { cause });
    throw cause;
  }
}

/** The same of bytes that are nothing but BTF, as the kernel gives them; `origin` is what errors name. */
export function parseTypes(origin: string, section: Uint8Array): readonly BtfType[] {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  if (view.byteLength < 24 || view.getUint16(0, true) !== BTF_MAGIC)
    throw malformed(origin, 'no BTF of this byte order');
  const headerBytes = view.getUint32(4, true);
  const typesAt = headerBytes + view.getUint32(8, true);
  const typesEnd = typesAt + view.getUint32(12, true);
  const textAt = headerBytes + view.getUint32(16, true);
  const text = (offset: number) => textAtOffset(section, textAt + offset);
  const types: BtfType[] = [{ kind: 'other', name: '' }];
  for (let at = typesAt; at < typesEnd; ) {
    const info = view.getUint32(at + 4, true);
    const length = info & 0xffff;
    const kind = KINDS[(info >>> 24) & 0x1f];
    if (kind === undefined) throw malformed(origin, `a type of unknown kind ${(info >>> 24) & 0x1f}`);
    types.push(
      kind.parse({
        view,
        at: at + TYPE_BYTES,
        name: text(view.getUint32(at, true)),
        length,
        flag: info >>> 31 === 1,
        sizeOrType: view.getUint32(at + 8, true),
        text,
      }),
    );
    at += TYPE_BYTES + kind.extra(length);
  }
  return types;
}

function other({ name }: Head): BtfType {
  return { kind: 'other', name };
}

function alias({ name, sizeOrType }: Head): BtfType {
  return { kind: 'alias', name, of: sizeOrType };
}

function parseArray({ view, at, name }: Head): BtfType {
  return { kind: 'array', name, element: view.getUint32(at, true), count: view.getUint32(at + 8, true) };
}

function parseStruct({ view, at, name, length, flag, sizeOrType, text }: Head): BtfType {
  const members = Array.from({ length }, (_, index) => {
    const member = at + index * MEMBER_BYTES;
    const bits = view.getUint32(member + 8, true);
    return {
      name: text(view.getUint32(member, true)),
      type: view.getUint32(member + 4, true),
      offset: (flag ? bits & 0xffffff : bits) / 8,
    };
  });
  return { kind: 'struct', name, size: sizeOrType, members };
}

function parseEnum({ view, at, name, length, sizeOrType, text }: Head): BtfType {
  const values = Array.from(
    { length },
    (_, index) =>
      [text(view.getUint32(at + index * 8, true)), view.getInt32(at + index * 8 + 4, true)] as const,
  );
  return { kind: 'enum', name, size: sizeOrType, values };
}

function parseSection({ view, at, name, length }: Head): BtfType {
  const variables = Array.from({ length }, (_, index) => view.getUint32(at + index * MEMBER_BYTES, true));
  return { kind: 'section', name, variables };
}

/** The bytes of a section of a 64-bit little-endian ELF file. */
function elfSection(path: string, file: Uint8Array, wanted: string): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.byteLength < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201)
    throw malformed(path, 'not a 64-bit little-endian ELF file');
  const headersAt = Number(view.getBigUint64(0x28, true));
  const header = (index: number) => headersAt + index * view.getUint16(0x3a, true);
  const contents = (index: number) => {
    const at = Number(view.getBigUint64(header(index) + 0x18, true));
    return file.subarray(at, at + Number(view.getBigUint64(header(index) + 0x20, true)));
  };
  const names = contents(view.getUint16(0x3e, true));
  for (let index = 0; index < view.getUint16(0x3c, true); index++) {
    if (textAtOffset(names, view.getUint32(header(index), true)) === wanted) return contents(index);
  }
  throw malformed(path, `no section ${wanted}: compile with -g`);
}

function textAtOffset(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return new TextDecoder().decode(bytes.subarray(offset, end < 0 ? bytes.length : end));
}

function malformed(path: string, what: string): Error {
  return new Error(`${path}: ${what}`);
}
