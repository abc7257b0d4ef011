/**
 * The two bands of a range, as the API server has them: values are chosen from the upper one as long as it has any, so
 * that the lower one, the static band, is likely to be free for those who ask for a value.
 */

/** Ranges up to this size have no static band; no band is smaller. */
const SMALLEST_BAND = 16;

/** How many of the `size` addresses of a service CIDR, from its first, are its static band. */
export function staticAddresses(size: number): number {
  return bandSize(size, 16, 256);
}

/** How many of the `size` node ports, from the first, are the static band. */
export function staticNodePorts(size: number): number {
  return bandSize(size, 32, 128);
}

/** The numbers 0 to `size`−1 in turn, beginning at `start`; those below `band` only after all others. */
export function* bandedTurn(size: number, start: number, band: number): Iterable<number> {
  for (let step = 0; step < 2 * size; step++) {
    const number = (start + step) % size;
    if (number < band === step >= size) yield number;
  }
}

function bandSize(size: number, share: number, largest: number): number {
  if (size <= SMALLEST_BAND) return 0;
  return Math.min(Math.max(SMALLEST_BAND, Math.floor(size / share)), largest);
}
