/** Makes the slices of the Services that a batch concerns. */
import { type ObjectName, objectKey, objectName } from '../model/names.ts';
import type { EndpointSliceObject } from '../model/objects.ts';
import { isMirrored, slicesFromEndpoints } from './mirror.ts';
import type { ProblemText } from './problems.ts';
import { slicesFromPods } from './slices.ts';
import type { Dirty, State } from './state.ts';
import { withTriggerTime } from './trigger-time.ts';

export function settleSlices(state: State, dirty: Dirty): void {
  for (const owner of dirty.sliceOwners) {
    const slash = owner.indexOf('/');
    const [namespace, name] = [owner.slice(0, slash), owner.slice(slash + 1)];
    const { slices, problems } = makeSlices(state, dirty, owner, namespace);
    state.formerSlices.delete(owner);
    state.problems.record(
      'slices',
      objectKey('Service', namespace, name),
      { kind: 'Service', namespace, name },
      problems,
    );
    const names = new Set(slices.map((slice) => slice.name));
    for (const former of state.madeSlices.get(owner) ?? []) {
      const slice = objectName(namespace, former.name);
      // A slice made by hand in this batch may have taken the name: that one stays.
      const takenOver = state.input.slices.has(slice);
      if (!names.has(former.name) && !takenOver) state.output.remove('EndpointSlice', slice);
    }
    for (const slice of slices) state.output.put(slice);
    if (slices.length === 0) state.madeSlices.delete(owner);
    else state.madeSlices.set(owner, slices);
  }
}

function makeSlices(
  state: State,
  dirty: Dirty,
  owner: ObjectName,
  namespace: string,
): { readonly slices: readonly EndpointSliceObject[]; readonly problems: readonly ProblemText[] } {
  const none = { slices: [], problems: [] };
  const service = state.output.get('Service', owner);
  if (service?.kind !== 'Service' || service.type === 'ExternalName') return none;
  if (state.foreignSlices.has(owner)) return none;
  const former = state.madeSlices.get(owner) ?? state.formerSlices.get(owner) ?? [];
  const surroundings = {
    isTaken: (slice: string): boolean => state.input.slices.has(objectName(namespace, slice)),
    former,
  };
  if (service.selector !== null) {
    const pods = state.selectors.podsMatching(service);
    const made = slicesFromPods(service, pods, state.zones, surroundings);
    const began = former.length === 0 ? service.createdAtMs : (dirty.triggeredAtMs.get(owner) ?? null);
    return { ...made, slices: withTriggerTime(made.slices, former, began) };
  }
  const endpoints = state.input.endpoints.get(owner);
  if (endpoints === undefined || !isMirrored(endpoints)) return none;
  return slicesFromEndpoints(service, endpoints, surroundings);
}
