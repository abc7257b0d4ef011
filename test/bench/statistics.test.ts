import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runInterleaved } from './rounds.ts';
import { median, percentile, ratioInterval, seededRandom, shuffle } from './statistics.ts';

describe('statistics of the benchmark', () => {
  it('takes the middle value, and the mean of two middles', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 9])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it('finds the value that a share of all do not exceed', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile([7], 0.01)).toBe(7);
  });

  it('compares round by round, so that a disturbed round counts for both', () => {
    const baseline = [100, 10, 100, 50, 100];
    const interval = ratioInterval(
      baseline.map((value) => value * 0.9),
      baseline,
      seededRandom(1),
    );
    expect(interval.ratio).toBeCloseTo(0.9);
    expect(interval.low).toBeCloseTo(0.9);
    expect(interval.high).toBeCloseTo(0.9);
  });

  it('gives an interval that holds the ratio and lies within the rounds', () => {
    const positive = fc.double({ min: 1, max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 15 }), (rounds) => {
        const ratios = rounds.map(([value, base]) => value / base);
        const { ratio, low, high } = ratioInterval(
          rounds.map(([value]) => value),
          rounds.map(([, base]) => base),
          seededRandom(7),
        );
        expect(low).toBeLessThanOrEqual(ratio);
        expect(high).toBeGreaterThanOrEqual(ratio);
        expect(low).toBeGreaterThanOrEqual(Math.min(...ratios));
        expect(high).toBeLessThanOrEqual(Math.max(...ratios));
      }),
      { numRuns: 20 },
    );
  });

  it('shuffles without losing or inventing anything', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = shuffle(items, seededRandom(3));
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });

  it('runs every variant once a round, in changing order, and forgets the warm-up', async () => {
    const order: string[] = [];
    const values = await runInterleaved(
      ['a', 'b', 'c'],
      { rounds: 20, warmUps: 1, random: seededRandom(5) },
      async (variant) => order.push(variant),
    );
    expect(order).toHaveLength(63);
    expect([...values.values()].map((list) => list.length)).toEqual([20, 20, 20]);
    const rounds = Array.from({ length: 21 }, (_, round) => order.slice(round * 3, round * 3 + 3).join(''));
    expect(new Set(rounds.map((round) => [...round].sort().join('')))).toEqual(new Set(['abc']));
    expect(new Set(rounds).size).toBeGreaterThan(1);
    expect(Math.min(...[...values.values()].flat())).toBeGreaterThan(3);
  });
});
