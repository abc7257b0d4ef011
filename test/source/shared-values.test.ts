import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedData, sharedText } from '../../src/source/shared-values.ts';

const data = fc.oneof(
  fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 3 }),
  fc.array(fc.record({ name: fc.string({ maxLength: 2 }), port: fc.option(fc.nat(3)) }), { maxLength: 3 }),
);

describe('shared values', () => {
  it('are equal to what they stand for, however many came before', () => {
    fc.assert(fc.property(fc.string(), (text) => sharedText(text) === text));
    fc.assert(
      fc.property(fc.array(data, { maxLength: 20 }), (values) => {
        for (const value of values) expect(sharedData(value)).toEqual(structuredClone(value));
      }),
    );
    for (let index = 0; index < 20_000; index++) {
      expect(sharedData({ app: `web-${index}` }).app).toBe(`web-${index}`);
    }
  });

  it('are one object where they are equal, and not where they are not', () => {
    const [one, other] = [1, 2].map(() => sharedData({ app: ['we', 'b'].join('') }));
    expect(one).toBe(other);
    expect(sharedData({ app: 'shop' })).not.toBe(one);
    expect(sharedData({ a: 'b","c' })).not.toEqual(sharedData({ 'a","b': 'c' }));
  });
});
