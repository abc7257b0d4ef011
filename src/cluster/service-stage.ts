/** Completes the Services of a batch. */
import { type ObjectName, objectKey } from '../model/names.ts';
import type { ServiceObject } from '../model/objects.ts';
import { wantsTopologyHints } from './labels.ts';
import { noteBalancer, settleBalancers } from './pool-stage.ts';
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
  settleBalancers(state);
}

function resolveService(state: State, owner: ObjectName, input: ServiceObject): void {
  const { object, problems } = completeService(owner, input, state.books, state);
  state.problems.record('object', objectKey('Service', input.namespace, input.name), input, problems);
  state.selectors.setService(owner, object ?? undefined);
  if (object !== null && wantsTopologyHints(object.annotations)) state.topologyServices.add(owner);
  else state.topologyServices.delete(owner);
  note(state, owner, input, object);
}

/** Sets the output, unless it waits for the addresses of load balancers. */
function note(
  state: State,
  owner: ObjectName,
  { namespace, name }: Named,
  object: ServiceObject | null,
): void {
  const desk = { book: state.balancers, pools: state.options.loadBalancerPools };
  if (noteBalancer(desk, owner, object)) return;
  const reference = { kind: 'Service', namespace, name };
  state.problems.record('addresses', objectKey('Service', namespace, name), reference, []);
  if (object === null) state.output.remove('Service', owner);
  else state.output.put(object, owner);
}

type Named = Pick<ServiceObject, 'namespace' | 'name'>;

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
  note(state, owner, { namespace, name }, null);
}
