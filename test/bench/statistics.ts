/** Medians, percentiles and the interval of a ratio: all that the reports are made of. */

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** mulberry32: the same seed gives the same order and the same intervals. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The value that `share` (0–1) of the values do not exceed; NaN for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.max(0, Math.min(sorted.length - 1, index))] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface RatioInterval {
  /** Median over rounds of variant ÷ baseline. */
  readonly ratio: number;
  /** The 95 % interval of that median. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/**
 * Compares two variants round by round. What disturbs the machine for a while disturbs both values of a round, so the
 * ratio within a round is steadier than either value; the interval comes from drawing rounds with replacement.
 */
export function ratioInterval(
  values: readonly number[],
  baseline: readonly number[],
  random: Random,
): RatioInterval {
  const ratios = values
    .slice(0, baseline.length)
    .map((value, round) => value / (baseline[round] ?? Number.NaN));
  const draws = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor(random() * ratios.length)] ?? Number.NaN)),
  );
  return { ratio: median(ratios), low: percentile(draws, 0.025), high: percentile(draws, 0.975) };
}

/** The same items in random order (Fisher–Yates); the input stays as it is. */
export function shuffle<T>(items: readonly T[], random: Random): T[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = shuffled[last] as T;
    shuffled[last] = shuffled[other] as T;
    shuffled[other] = kept;
  }
  return shuffled;
}
