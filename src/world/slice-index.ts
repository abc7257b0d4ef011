/** EndpointSlices by the Service they belong to. */
import { isDeepStrictEqual } from 'node:util';
import { compareText, type ObjectName } from '../model/names.ts';
import type { EndpointSliceObject } from '../model/objects.ts';

export interface SliceIndex {
  /** Slices of the Service, ordered by name. */
  slicesOf(service: ObjectName): readonly EndpointSliceObject[];
  /** Takes the slice; the Services whose slices changed (two where it moved from one to another). */
  set(name: ObjectName, slice: EndpointSliceObject): readonly ObjectName[];
  /** Drops the slice; the Services whose slices changed. */
  delete(name: ObjectName): readonly ObjectName[];
}

export function createSliceIndex(): SliceIndex {
  const slices = new Map<ObjectName, EndpointSliceObject>();
  const byService = new Map<ObjectName, readonly EndpointSliceObject[]>();

  function detach(slice: EndpointSliceObject | undefined): readonly ObjectName[] {
    if (slice === undefined || slice.service === null) return [];
    const rest = (byService.get(slice.service) ?? []).filter((other) => other !== slice);
    if (rest.length === 0) byService.delete(slice.service);
    else byService.set(slice.service, rest);
    return [slice.service];
  }

  function attach(slice: EndpointSliceObject): readonly ObjectName[] {
    if (slice.service === null) return [];
    const all = [...(byService.get(slice.service) ?? []), slice];
    all.sort((a, b) => compareText(a.name, b.name));
    byService.set(slice.service, all);
    return [slice.service];
  }

  return {
    slicesOf: (service) => byService.get(service) ?? [],
    set(name, slice) {
      const before = slices.get(name);
      if (isDeepStrictEqual(before, slice)) return [];
      slices.set(name, slice);
      return [...detach(before), ...attach(slice)];
    },
    delete(name) {
      const before = slices.get(name);
      slices.delete(name);
      return detach(before);
    },
  };
}
