/** How long to wait before the next try, so that neither a broken server nor a thousand nodes make each other worse. */
const LEAST_MS = 200;
const MOST_MS = 10_000;
const FIRST_CEILING_MS = 400;
/** Below 2, so that after an outage of a few seconds the next try is never more than a few seconds away. */
const GROWTH = 1.5;
/** A server that asks for longer is asked again after this all the same. */
const MOST_ASKED_MS = 60_000;

/**
 * Milliseconds until the next try.
 * @param failures in a row, 1 or more
 * @param random from 0 to 1
 * @param askedMs what the server asked for (Retry-After); null: nothing
 */
export function retryDelayMs(failures: number, random: number, askedMs: number | null = null): number {
  const ceiling = Math.min(MOST_MS, FIRST_CEILING_MS * GROWTH ** Math.min(failures - 1, 20));
  const least = Math.max(LEAST_MS, ceiling / 2);
  const jittered = least + random * (ceiling - least);
  return Math.max(jittered, Math.min(askedMs ?? 0, MOST_ASKED_MS));
}

/** Milliseconds of a Retry-After header: seconds, or a date; null where it is neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined || header.trim() === '') return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return seconds < 0 ? null : seconds * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
