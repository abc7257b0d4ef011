/** Completes the nodes of a batch, and finds the pods and Services that this concerns. */
import { type NodeName, objectKey } from '../model/names.ts';
import type { NodeObject } from '../model/objects.ts';
import { zonesOf } from './hints.ts';
import { ZONE_LABEL } from './labels.ts';
import { completeNode, isSchedulable } from './nodes.ts';
import { type Dirty, type State, settle } from './state.ts';

/** Settles dirty nodes; costs what exists of nodes only where one of them changed. */
export function settleNodes(state: State, dirty: Dirty): void {
  const changed = new Map<NodeName, NodeObject | undefined>();
  settle(dirty.nodes, [state.books.nodeNumbers], (owner) => {
    const name = owner as string as NodeName;
    const before = state.nodes.get(name);
    const input = state.input.nodes.get(owner);
    const key = objectKey('Node', '', name);
    const completed =
      input === undefined ? undefined : completeNode(input, state.books.nodeNumbers, state.options);
    if (completed === undefined) {
      state.books.nodeNumbers.retain(owner, new Set());
      state.nodes.delete(name);
      state.problems.record('object', key, { kind: 'Node', namespace: '', name }, []);
      if (state.output.remove('Node', owner)) changed.set(name, changed.get(name) ?? before);
      return;
    }
    state.nodes.set(name, completed.object);
    state.problems.record('object', key, completed.object, completed.problems);
    if (state.output.put(completed.object, owner)) changed.set(name, changed.get(name) ?? before);
  });
  if (changed.size === 0) return;
  state.schedulable = [...state.nodes.values()]
    .filter(isSchedulable)
    .map((node) => node.name as NodeName)
    .sort();
  state.zones = zonesOf(state.nodes);
  for (const [name, before] of changed) markDependents(state, name, before, dirty);
}

function markDependents(state: State, name: NodeName, before: NodeObject | undefined, dirty: Dirty): void {
  const after = state.nodes.get(name);
  const moved = before?.labels[ZONE_LABEL] !== after?.labels[ZONE_LABEL];
  for (const owner of state.podsByNode.get(name) ?? []) {
    dirty.pods.add(owner);
    const pod = moved ? state.input.pods.get(owner) : undefined;
    if (pod === undefined) continue;
    for (const service of state.selectors.servicesMatching(pod.namespace, pod.labels)) {
      dirty.sliceOwners.add(service);
    }
  }
  for (const owner of state.podsByNode.get('') ?? []) dirty.pods.add(owner);
  for (const service of state.topologyServices) dirty.sliceOwners.add(service);
}
