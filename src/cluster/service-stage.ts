/** Completes the Services of a batch. */
import { type ObjectName, objectKey } from '../model/names.ts';
import type { ServiceObject } from '../model/objects.ts';
import { wantsTopologyHints } from './labels.ts';
import { completeService } from './services.ts';
import { type Dirty, type State, settle } from './state.ts';

export function settleServices(state: State, dirty: Dirty): void {
  const { clusterIps, nodePorts } = state.books;
  settle(dirty.services, [clusterIps, nodePorts], (owner) => {
    const input = state.input.services.get(owner);
    dirty.sliceOwners.add(owner);
    if (input === undefined) forgetService(state, owner);
    else resolveService(state, owner, input);
  });
}

function resolveService(state: State, owner: ObjectName, input: ServiceObject): void {
  const { object, problems } = completeService(owner, input, state.books, state.options);
  state.problems.record('object', objectKey('Service', input.namespace, input.name), input, problems);
  state.selectors.setService(owner, object ?? undefined);
  if (object !== null && wantsTopologyHints(object.annotations)) state.topologyServices.add(owner);
  else state.topologyServices.delete(owner);
  if (object === null) state.output.remove('Service', input.namespace, input.name);
  else state.output.put(object);
}

function forgetService(state: State, owner: ObjectName): void {
  state.books.clusterIps.retain(owner, new Set());
  state.books.nodePorts.retain(owner, new Set());
  state.selectors.setService(owner, undefined);
  state.topologyServices.delete(owner);
  const slash = owner.indexOf('/');
  const [namespace, name] = [owner.slice(0, slash), owner.slice(slash + 1)];
  state.problems.record(
    'object',
    objectKey('Service', namespace, name),
    { kind: 'Service', namespace, name },
    [],
  );
  state.output.remove('Service', namespace, name);
}
