import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conversionBetween } from '../../../../src/dataplane/bpf/migration/conversion.ts';
import type { ValueField, ValueLayout } from '../../../../src/kernel/map-layout.ts';

const number = (size: number, network = false): ValueLayout => ({ kind: 'number', size, network });
const words = (values: Readonly<Record<string, number>>): ValueLayout => ({ kind: 'enum', size: 1, values });

/** A structure whose fields stand one after the other. */
function struct(
  ...fields: readonly (readonly [name: string, of: ValueLayout, count?: number])[]
): ValueLayout {
  let size = 0;
  const laidOut = fields.map(([name, of, count = 1]): ValueField => {
    const offset = size;
    size += of.size * count;
    return { name, offset, count, of };
  });
  return { kind: 'struct', size, fields: laidOut };
}

/** The bytes in the new layout, and whether all of it could be said. */
function converted(old: ValueLayout, wanted: ValueLayout, bytes: readonly number[]) {
  const target = new Uint8Array(wanted.size);
  const source = new DataView(Uint8Array.from(bytes).buffer);
  const complete = conversionBetween(old, wanted)(source, 0, new DataView(target.buffer), 0);
  return { bytes: [...target], complete };
}

const anyField = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  of: fc.constantFrom(number(1), number(2), number(4), number(8), number(2, true)),
  count: fc.integer({ min: 1, max: 3 }),
});
const anyStruct = fc
  .uniqueArray(anyField, { selector: ({ name }) => name, minLength: 1 })
  .map((fields) => struct(...fields.map(({ name, of, count }) => [name, of, count] as const)));
const anyOldValue = anyStruct.chain((layout) =>
  fc.tuple(fc.constant(layout), fc.array(fc.nat(255), { minLength: layout.size, maxLength: layout.size })),
);

/** What the field says, in the machine's order. */
function said(layout: ValueLayout, bytes: readonly number[], name: string): readonly string[] {
  const field = layout.kind === 'struct' ? layout.fields.find((each) => each.name === name) : undefined;
  if (field === undefined) return [];
  return Array.from({ length: field.count }, (_, index) => {
    const at = field.offset + index * field.of.size;
    return Buffer.from(bytes.slice(at, at + field.of.size).reverse())
      .toString('hex')
      .replace(/^0+/, '');
  });
}

describe('a value in another layout', () => {
  it('[H4] keeps what both layouts can say, and says nothing else', () => {
    fc.assert(
      fc.property(anyOldValue, anyStruct, ([old, bytes], wanted) => {
        const after = converted(old, wanted, bytes);
        const mayDiffer = !after.complete;
        for (const name of ['a', 'b', 'c', 'd']) {
          const [before, now] = [said(old, bytes, name), said(wanted, after.bytes, name)];
          for (const [index, text] of now.entries()) {
            const allowed = [before[index] ?? '', ...(mayDiffer ? [''] : [])];
            expect(allowed).toContain(text);
          }
        }
      }),
    );
  });

  it('[H4] says when a number is too large for its new field', () => {
    expect(converted(number(4), number(2), [1, 2, 0, 0])).toEqual({ bytes: [1, 2], complete: true });
    expect(converted(number(4), number(2), [1, 2, 3, 0])).toEqual({ bytes: [0, 0], complete: false });
    expect(converted(number(4), number(8), [1, 2, 3, 4])).toMatchObject({ bytes: [1, 2, 3, 4, 0, 0, 0, 0] });
  });

  it('[H4] keeps words of an enum whose numbers change, and none for others', () => {
    const [old, wanted] = [words({ OPEN: 0, CLOSED: 1, LOST: 2 }), words({ CLOSED: 0, OPEN: 5 })];
    expect(converted(old, wanted, [0])).toEqual({ bytes: [5], complete: true });
    expect(converted(old, wanted, [1])).toEqual({ bytes: [0], complete: true });
    expect(converted(old, wanted, [2])).toEqual({ bytes: [0], complete: false });
  });

  it('[H4] leaves padding and what is of another kind at zero', () => {
    const old = struct(['port', number(2, true)], ['padding', number(1), 2]);
    const wanted = struct(['padding', number(1)], ['port', number(2)], ['address', number(4)]);
    expect(converted(old, wanted, [1, 2, 3, 4])).toEqual({ bytes: [0, 0, 0, 0, 0, 0, 0], complete: false });
  });

  it('[H4] converts structures within structures, and arrays as far as both go', () => {
    const old = struct(['pair', struct(['x', number(1)], ['y', number(1)]), 2]);
    const wanted = struct(['pair', struct(['y', number(2)], ['x', number(1)]), 3]);
    expect(converted(old, wanted, [1, 2, 3, 4])).toEqual({
      bytes: [2, 0, 1, 4, 0, 3, 0, 0, 0],
      complete: true,
    });
  });
});
