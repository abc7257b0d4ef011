import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChoiceBackend,
  type ChoiceTables,
  nextChances,
  shareOf,
  standingOf,
} from '../../../../src/dataplane/bpf/sockets/next-choice.ts';
import { SCHEDULER_WORDS } from '../../../../src/generated/policy.ts';

const SECOND = 1e9;
const NOW = 1000 * SECOND;
const BACKEND: ChoiceBackend = { weight: 1, since: 0, open: 0, ejectedUntilNs: 0, probedNs: 0 };
const OUT = { ...BACKEND, ejectedUntilNs: NOW + 5 * SECOND };

/** Backends 1, 2, … in a slot each. */
function tables(backends: readonly Partial<ChoiceBackend>[], more: Partial<ChoiceTables> = {}): ChoiceTables {
  return {
    scheduler: 'random',
    slotCount: backends.length,
    slots: new Map(backends.map((_, slot) => [slot, slot + 1])),
    backends: new Map(backends.map((backend, slot) => [slot + 1, { ...BACKEND, ...backend }])),
    turn: 0,
    slowStartSeconds: 0,
    ejects: true,
    probes: true,
    hashed: new Uint8Array(16),
    remembered: null,
    nowNs: NOW,
    ...more,
  };
}

const total = (choice: ChoiceTables) =>
  [...nextChances(choice).values()].reduce((sum, each) => sum + each, 0);
const rounded = (choice: ChoiceTables) =>
  [...nextChances(choice)]
    .sort(([a], [b]) => a - b)
    .map(([number, chance]) => [number, Math.round(chance * 1000) / 1000])
    .filter(([, chance]) => chance !== 0);

describe('chances of the next connection', () => {
  const anyBackend = fc.record({
    weight: fc.integer({ min: 1, max: 1000 }),
    since: fc.constantFrom(0, 950, 990, 1000),
    open: fc.nat({ max: 5 }),
    ejectedUntilNs: fc.constantFrom(0, 0, NOW - SECOND, NOW + SECOND),
    probedNs: fc.constantFrom(0, NOW - SECOND, NOW - 10 * SECOND),
  });

  it('are one in all, whatever the tables hold', () => {
    fc.assert(
      fc.property(
        fc.array(anyBackend, { minLength: 1, maxLength: 90 }),
        fc.constantFrom(...SCHEDULER_WORDS),
        fc.nat(),
        fc.constantFrom(0, 100),
        fc.boolean(),
        fc.constantFrom(null, 1),
        (backends, scheduler, turn, slowStartSeconds, ejects, remembered) => {
          const choice = tables(backends, { scheduler, turn, slowStartSeconds, ejects, remembered });
          expect(total(choice)).toBeCloseTo(1, 6);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are none without slots', () => {
    expect(total(tables([]))).toBe(0);
  });

  it('[A36] [F8] [F3] are all for whom affinity remembers, however new, but not for one that is ejected', () => {
    const fresh = { since: 1000 };
    const slow = { slowStartSeconds: 100, remembered: 1 };
    expect(rounded(tables([fresh, {}], slow))).toEqual([[1, 1]]);
    expect(rounded(tables([OUT, {}], slow))).toEqual([[2, 1]]);
  });

  it('[F3] are shared by those that are not ejected; the next in turn has all of it', () => {
    expect(rounded(tables([{}, OUT, {}]))).toEqual([
      [1, 0.5],
      [3, 0.5],
    ]);
    expect(rounded(tables([{}, OUT, {}], { scheduler: 'turns', turn: 4 }))).toEqual([[3, 1]]);
    expect(rounded(tables([{}, OUT], { ejects: false }))).toHaveLength(2);
  });

  it('[F3] are as ever where all are ejected', () => {
    expect(rounded(tables([OUT, OUT]))).toEqual([
      [1, 0.5],
      [2, 0.5],
    ]);
    expect(rounded(tables([OUT, OUT], { scheduler: 'turns', turn: 1 }))).toEqual([[2, 1]]);
  });

  it('[F3] count one whose time is over in, where the connection is one that may try it', () => {
    const due = { ...BACKEND, ejectedUntilNs: NOW - SECOND };
    const tried = { ...due, probedNs: NOW - SECOND };
    expect(standingOf(tables([due]), 1)).toBe('probed');
    expect(standingOf(tables([tried]), 1)).toBe('out');
    expect(standingOf(tables([tried], { probes: false }), 1)).toBe('in');
    expect(rounded(tables([{}, due], { scheduler: 'least-connections' }))).toEqual([[2, 1]]);
  });

  it('[F8] grow with the share of a new backend', () => {
    const choice = tables([{ since: 980 }, {}], { slowStartSeconds: 100 });
    expect(shareOf(choice, 1)).toBe(20);
    expect(shareOf(tables([{ since: 999 }], { slowStartSeconds: 100 }), 1)).toBe(10);
    const [, own] = rounded(choice)[0] ?? [];
    expect(own).toBe(0.167);
  });

  it('[A57] follow connections and weights', () => {
    const loads = [
      { open: 3, weight: 10 },
      { open: 1, weight: 2 },
      { open: 2, weight: 10 },
    ];
    const chosen = (scheduler: ChoiceTables['scheduler'], backends = loads) =>
      rounded(tables(backends, { scheduler }))[0]?.[0];
    expect(chosen('least-connections')).toBe(2);
    expect(chosen('weighted-least-connections')).toBe(3);
    expect(chosen('shortest-delay')).toBe(3);
    expect(
      chosen('never-queue', [
        { open: 1, weight: 100 },
        { open: 0, weight: 1 },
      ]),
    ).toBe(2);
    expect(
      chosen('shortest-delay', [
        { open: 1, weight: 100 },
        { open: 0, weight: 1 },
      ]),
    ).toBe(1);
  });

  it('[A57] compare 64 from anywhere on where there are more', () => {
    const backends = Array.from({ length: 128 }, (_, index) => ({ open: index === 0 ? 0 : 1 }));
    const chances = nextChances(tables(backends, { scheduler: 'least-connections' }));
    // Half of all stretches have the idle one; each other begins with what it takes.
    expect(chances.get(1)).toBeCloseTo(0.5, 9);
    expect(chances.size).toBe(65);
  });

  it('begin anew after 32 bits of turns', () => {
    expect(rounded(tables([{}, {}, {}], { scheduler: 'turns', turn: 2 ** 32 + 1 }))).toEqual([[2, 1]]);
  });
});
