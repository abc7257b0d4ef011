import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TABLE_SIZE } from '../../../src/dataplane/schedule/maglev.ts';
import { slotSequence } from '../../../src/dataplane/schedule/slot-sequence.ts';
import { type BackendRow, SCHEDULERS, type Scheduler } from '../../../src/model/rows.ts';
import { backend } from '../../agent/rows-samples.ts';

function listOf(weights: readonly number[]): readonly BackendRow[] {
  return weights.map((weight, index) => ({ ...backend(`10.244.0.${index + 1}`), weight }));
}

/** Positions in the list, by slot. */
function sequence(scheduler: Scheduler, weights: readonly number[]): readonly number[] {
  const list = listOf(weights);
  return slotSequence(scheduler, list).map((each) => list.indexOf(each));
}

describe('the sequence of slots', () => {
  it.each(SCHEDULERS)('of %s is one slot for one backend, none for none, and computed once', (scheduler) => {
    expect(sequence(scheduler, [])).toEqual([]);
    expect(sequence(scheduler, [7])).toEqual([0]);
    const list = listOf([2, 1]);
    expect(slotSequence(scheduler, list)).toBe(slotSequence(scheduler, list));
  });

  it.each<Scheduler>(['rr', 'dh', 'lc', 'wlc', 'sed', 'nq'])('[A57] has each once for %s', (scheduler) => {
    expect(sequence(scheduler, [3, 1, 2])).toEqual([0, 1, 2]);
  });

  it.each<Scheduler>(['random', 'sh'])('[F8] [A57] has each by its weight for %s', (scheduler) => {
    expect(sequence(scheduler, [3, 1, 2])).toEqual([0, 1, 2, 0, 0, 2]);
    expect(sequence(scheduler, [5, 5])).toEqual([0, 1]);
    expect(sequence(scheduler, [95, 5]).filter((each) => each === 1)).toHaveLength(1);
  });

  it('[A57] [F8] spreads turns evenly for wrr', () => {
    expect(sequence('wrr', [5, 1, 1])).toEqual([0, 0, 0, 1, 2, 0, 0]);
    expect(sequence('wrr', [3, 2, 1])).toEqual([0, 1, 0, 2, 1, 0]);
    expect(sequence('wrr', [4, 4])).toEqual([0, 1]);
  });

  it('[A57] [F8] never lets a backend of wrr wait or run longer than its share', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(weights, (given) => {
        const turns = sequence('wrr', given);
        const total = given.reduce((sum, weight) => sum + weight, 0);
        const counts = given.map(() => 0);
        for (const [before, index] of turns.entries()) {
          counts[index] = (counts[index] ?? 0) + 1;
          for (const [each, count] of counts.entries()) {
            const due = ((given[each] ?? 0) / total) * (before + 1);
            expect(Math.abs(count - due)).toBeLessThan(1 + given.length / 4);
          }
        }
        expect(counts.map((count) => (count * total) / turns.length)).toEqual(given);
      }),
      { numRuns: 200 },
    );
  });

  it('[E5] is Maglev’s table for maglev, by addresses and ports', () => {
    const turns = sequence('maglev', [1, 1, 2]);
    expect(turns).toHaveLength(TABLE_SIZE);
    expect([0, 1, 2].map((index) => turns.filter((each) => each === index).length)).toEqual([
      8188, 8187, 16374,
    ]);
  });
});
