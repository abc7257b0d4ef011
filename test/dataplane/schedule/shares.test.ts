import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEAST_SLOTS, MOST_SLOTS, slotCounts } from '../../../src/dataplane/schedule/shares.ts';

const weights = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 1000 }), fc.constant(1000)),
  { minLength: 1, maxLength: 200 },
);
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe('slots by weight', () => {
  it.each([
    [[1], [1]],
    [
      [95, 5],
      [19, 1],
    ],
    [
      [900, 100],
      [9, 1],
    ],
    [
      [1000, 1],
      [1000, 1],
    ],
    [
      [6, 4, 2],
      [3, 2, 1],
    ],
    [
      [7, 7, 7],
      [1, 1, 1],
    ],
  ])('[F8] %j are %j', (given, expected) => {
    expect(slotCounts(given)).toEqual(expected);
  });

  it('[F8] are exact where they are few, else within a slot and a sixteenth of the share; nobody has none', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const counts = slotCounts(given);
        const [slots, total] = [sum(counts), sum(given)];
        expect(slots).toBeLessThanOrEqual(Math.max(LEAST_SLOTS, 16 * given.length));
        for (const [index, weight] of given.entries()) {
          const [count, share] = [counts[index] ?? 0, (weight / total) * slots];
          expect(Number.isInteger(count) && count >= 1).toBe(true);
          if (total <= LEAST_SLOTS) expect(count).toBeCloseTo(share, 9);
          else expect(Math.abs(count - share)).toBeLessThanOrEqual(1 + share / 16);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('[F8] are never more than a list can have, and nobody has none', () => {
    const counts = slotCounts(Array.from({ length: 6000 }, (_, index) => 1 + ((index * 7919) % 1000)));
    expect(sum(counts)).toBe(MOST_SLOTS);
    expect(Math.min(...counts)).toBe(1);
  });

  it('[F8] never give a heavier backend less than a lighter one', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const counts = slotCounts(given);
        const byWeight = given.map((weight, index) => [weight, counts[index] ?? 0] as const);
        byWeight.sort(([a, x], [b, y]) => a - b || x - y);
        for (const [index, [weight, count]] of byWeight.entries()) {
          const [lighter, fewer] = byWeight[index - 1] ?? [0, 0];
          if (lighter < weight) expect(count).toBeGreaterThanOrEqual(fewer);
        }
      }),
      { numRuns: 300 },
    );
  });
});
