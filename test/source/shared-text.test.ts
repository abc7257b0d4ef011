import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedLabels, sharedText } from '../../src/source/shared-text.ts';

const entries = fc
  .dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 3 })
  .map((labels) => Object.entries(labels));

describe('shared texts', () => {
  it('are equal to what they were made of, however many came before', () => {
    fc.assert(fc.property(fc.string(), (text) => sharedText(text) === text));
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 20 }), (sets) => {
        for (const set of sets) expect(sharedLabels(set)).toEqual(Object.fromEntries(set));
      }),
    );
    for (let index = 0; index < 20_000; index++) {
      expect(sharedLabels([['app', `web-${index}`]]).app).toBe(`web-${index}`);
    }
  });

  it('of equal labels are one object', () => {
    const [one, other] = [1, 2].map(() => sharedLabels([['app', ['we', 'b'].join('')]]));
    expect(one).toBe(other);
    expect(sharedLabels([['app', 'shop']])).not.toBe(one);
    expect(sharedLabels([['a', 'b","c']])).not.toEqual(sharedLabels([['a","b', 'c']]));
  });
});
