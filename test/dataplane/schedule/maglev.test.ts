import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maglevTable, TABLE_SIZE, type TableMember } from '../../../src/dataplane/schedule/maglev.ts';
import { MOST_SLOTS } from '../../../src/dataplane/schedule/shares.ts';

const members = (count: number, weightOf: (index: number) => number = () => 1): TableMember[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `10.244.${index >> 8}.${index & 255}:8080`,
    weight: weightOf(index),
  }));

function countsOf(table: Uint32Array, count: number): readonly number[] {
  const counts = Array<number>(count).fill(0);
  for (const index of table) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

/** The share of entries that lead to another member than before, of those whose member is still there. */
function disruption(before: readonly TableMember[], after: readonly TableMember[]): number {
  const [old, now] = [maglevTable(before), maglevTable(after)];
  const names = new Set(after.map(({ name }) => name));
  const nameAt = (of: readonly TableMember[], index: number | undefined) => of[index ?? -1]?.name ?? '';
  const staying = [...old.keys()].filter((entry) => names.has(nameAt(before, old[entry])));
  const moved = staying.filter((entry) => nameAt(before, old[entry]) !== nameAt(after, now[entry]));
  return moved.length / old.length;
}

describe('Maglev’s table', () => {
  it('[E5] has a prime number of entries, no more than a list can have', () => {
    expect(TABLE_SIZE).toBeLessThan(MOST_SLOTS);
    for (let divisor = 2; divisor * divisor <= TABLE_SIZE; divisor++)
      expect(TABLE_SIZE % divisor).toBeGreaterThan(0);
  });

  it.each([2, 3, 10, 81, 327])(
    '[E5] gives %d equal members the same number of entries, but for one',
    (count) => {
      const counts = countsOf(maglevTable(members(count)), count);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect(Math.max(...counts) / Math.min(...counts)).toBeLessThanOrEqual(1.011);
    },
  );

  it('[E5] leads others’ clients elsewhere for at most 1 % when one of ten goes or comes back', () => {
    const ten = members(10);
    const shares = ten.map((gone) => {
      const nine = ten.filter((each) => each !== gone);
      expect(disruption(nine, ten)).toBeCloseTo(disruption(ten, nine) + 0.1, 2);
      return disruption(ten, nine);
    });
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.01);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  it('[E5] is the same on every node and in every version: clients keep their member through failover and upgrade', () => {
    expect([...maglevTable(members(3)).slice(0, 16)]).toMatchInlineSnapshot(`
      [
        1,
        0,
        2,
        1,
        2,
        0,
        1,
        2,
        1,
        2,
        0,
        0,
        2,
        1,
        2,
        0,
      ]
    `);
  });

  it('[F8] [E5] gives each its share by weight, at least an entry, within two', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 40 }), (weights) => {
        const table = maglevTable(members(weights.length, (index) => weights[index] ?? 1));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const [heaviest, slack] = [Math.max(...weights), weights.length / table.length];
        for (const [index, count] of countsOf(table, weights.length).entries()) {
          const share = ((weights[index] ?? 0) / total) * table.length;
          expect(count).toBeGreaterThanOrEqual(1);
          expect(Math.abs(count - share)).toBeLessThanOrEqual(2 + (share * slack * total) / heaviest);
        }
      }),
      { numRuns: 100 },
    );
  });
});
