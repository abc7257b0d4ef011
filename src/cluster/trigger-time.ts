/** When the change happened that a slice follows from: what network programming latency is measured from. */
import { isDeepStrictEqual } from 'node:util';
import type { EndpointSliceObject, PodObject } from '../model/objects.ts';
import { TRIGGER_TIME_ANNOTATION } from './labels.ts';

/**
 * Slices that differ from their former state say when their change began; the others stay as they are.
 *
 * @param triggeredAtMs milliseconds since the epoch; null where no object tells
 */
export function withTriggerTime(
  slices: readonly EndpointSliceObject[],
  former: readonly EndpointSliceObject[],
  triggeredAtMs: number | null,
): readonly EndpointSliceObject[] {
  const before = new Map(former.map((slice) => [slice.name, slice]));
  const annotations = triggeredAtMs === null ? {} : { [TRIGGER_TIME_ANNOTATION]: timeText(triggeredAtMs) };
  return slices.map((slice) => {
    const old = before.get(slice.name);
    if (old !== undefined && isDeepStrictEqual({ ...slice, annotations: old.annotations }, old)) return old;
    return { ...slice, annotations };
  });
}

/** When the pod became ready or unready, where that is news; null where it is none. */
export function podTriggerTime(before: PodObject | undefined, pod: PodObject): number | null {
  const { readyChangedAtMs } = pod;
  if (readyChangedAtMs === undefined || readyChangedAtMs <= (before?.readyChangedAtMs ?? 0)) return null;
  return readyChangedAtMs;
}

/** RFC 3339 without idle zeros, as the API server's times are. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0+Z$/, 'Z');
}
