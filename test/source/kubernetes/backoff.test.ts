import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMs, retryDelayMs } from '../../../src/source/kubernetes/backoff.ts';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('retryDelayMs', () => {
  it('is from 0.2 to 10 s, however often it failed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), chance, (failures, random) => {
        const delay = retryDelayMs(failures, random);
        expect(delay).toBeGreaterThanOrEqual(200);
        expect(delay).toBeLessThanOrEqual(10_000);
      }),
    );
  });

  it('grows with the failures, and is not the same for everyone', () => {
    const delays = [1, 3, 5, 8].map((failures) => retryDelayMs(failures, 0.5));
    expect(delays).toEqual([...delays].sort((a, b) => a - b));
    expect(new Set([0, 0.3, 0.6, 0.9].map((random) => retryDelayMs(5, random))).size).toBe(4);
  });

  it('after a short outage never waits longer than 5 s, so that all is whole again by then', () => {
    fc.assert(
      fc.property(fc.infiniteStream(chance), (randoms) => {
        let waited = 0;
        for (let failures = 1; waited < 4000; failures++) {
          const delay = retryDelayMs(failures, randoms.next().value ?? 0);
          expect(delay).toBeLessThan(5000);
          waited += delay;
        }
      }),
    );
  });

  it('keeps to what the server asks for, up to a minute', () => {
    expect(retryDelayMs(1, 0, 7000)).toBe(7000);
    expect(retryDelayMs(1, 0, 86_400_000)).toBe(60_000);
    expect(retryDelayMs(1, 0, 0)).toBe(200);
  });
});

describe('retryAfterMs', () => {
  it.each([
    ['3', 3000],
    ['0', 0],
    ['Thu, 01 Jan 1970 00:00:05 GMT', 4000],
    ['soon', null],
    ['-1', null],
    ['', null],
    [undefined, null],
  ])('reads %j', (header, expected) => {
    expect(retryAfterMs(header, 1000)).toBe(expected);
  });
});
