/** Weights as numbers of slots. */

/** Slots that a list may always have, and slots for each backend that it may have beside: longer ones take room and time. */
export const LEAST_SLOTS = 1024;
const SLOTS_PER_BACKEND = 16;
/** Slots that a list can have at all. */
export const MOST_SLOTS = 65_536;

/**
 * How many slots of a list each backend has; weights are whole and above 0. As many as their weights say without their common
 * divisor; where these are too many, as near to that as fits: no share is off by more than a slot and a sixteenth of
 * itself (with more than 4,096 backends of a larger part), and everybody has a slot.
 */
export function slotCounts(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const exact = weights.map((weight) => weight / divisor);
  const most = Math.min(Math.max(LEAST_SLOTS, SLOTS_PER_BACKEND * weights.length), MOST_SLOTS);
  return sum(exact) <= most ? exact : apportioned(weights, most);
}

/** Those that would have less than a slot have one; the others divide the rest, largest remainders first. */
function apportioned(weights: readonly number[], slots: number): readonly number[] {
  const total = sum(weights);
  const isLight = (weight: number) => weight * slots < total;
  const light = weights.filter(isLight);
  const share = (slots - light.length) / (total - sum(light));
  const counts = weights.map((weight) => (isLight(weight) ? 1 : Math.floor(weight * share)));
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: isLight(weight) ? 0 : (weight * share) % 1 }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder.slice(0, slots - sum(counts))) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
