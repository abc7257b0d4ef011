/** Completes the pods of a batch, and finds the Services whose endpoints they are. */
import { type NodeName, type ObjectName, objectKey } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import { completePod } from './pods.ts';
import { type Dirty, type State, settle } from './state.ts';
import { podTriggerTime } from './trigger-time.ts';

export function settlePods(state: State, dirty: Dirty): void {
  settle(dirty.pods, [state.books.podAddresses], (owner) => {
    const input = state.input.pods.get(owner);
    if (input === undefined) forgetPod(state, owner, dirty);
    else resolvePod(state, owner, input, dirty);
  });
}

function resolvePod(state: State, owner: ObjectName, input: PodObject, dirty: Dirty): void {
  const placement = { nodes: state.nodes, schedulable: state.schedulable, earlier: state.placements };
  const { object, problems } = completePod(owner, input, placement, state.books.podAddresses);
  const nodeName = object?.nodeName ?? input.nodeName;
  if (input.nodeName === null && nodeName !== null) state.placements.set(owner, nodeName);
  else state.placements.delete(owner);
  moveToNode(state, owner, nodeName ?? '');
  const key = objectKey('Pod', input.namespace, input.name);
  state.problems.record('object', key, input, problems);
  const before = publishedPod(state, owner);
  const changed = object === null ? state.output.remove('Pod', owner) : state.output.put(object, owner);
  if (!changed) return;
  markServices(state, before, dirty);
  const services = state.selectors.setPod(owner, object ?? undefined);
  for (const service of services) dirty.sliceOwners.add(service);
  const triggeredAtMs = object === null ? null : podTriggerTime(before, object);
  if (triggeredAtMs === null) return;
  for (const service of services) {
    const earliest = Math.min(triggeredAtMs, dirty.triggeredAtMs.get(service) ?? triggeredAtMs);
    dirty.triggeredAtMs.set(service, earliest);
  }
}

function forgetPod(state: State, owner: ObjectName, dirty: Dirty): void {
  state.books.podAddresses.retain(owner, new Set());
  state.placements.delete(owner);
  moveToNode(state, owner, undefined);
  const slash = owner.indexOf('/');
  const reference = { kind: 'Pod', namespace: owner.slice(0, slash), name: owner.slice(slash + 1) };
  const key = objectKey('Pod', reference.namespace, reference.name);
  state.problems.record('object', key, reference, []);
  const before = publishedPod(state, owner);
  if (!state.output.remove('Pod', owner)) return;
  markServices(state, before, dirty);
  state.selectors.setPod(owner, undefined);
}

function publishedPod(state: State, owner: ObjectName): PodObject | undefined {
  const object = state.output.get('Pod', owner);
  return object?.kind === 'Pod' ? object : undefined;
}

function markServices(state: State, pod: PodObject | undefined, dirty: Dirty): void {
  if (pod === undefined) return;
  for (const service of state.selectors.servicesMatching(pod.namespace, pod.labels)) {
    dirty.sliceOwners.add(service);
  }
}

function moveToNode(state: State, owner: ObjectName, node: NodeName | '' | undefined): void {
  const before = state.nodeOfPod.get(owner);
  if (before === node) return;
  if (before !== undefined) {
    const pods = state.podsByNode.get(before);
    pods?.delete(owner);
    if (pods?.size === 0) state.podsByNode.delete(before);
  }
  if (node === undefined) {
    state.nodeOfPod.delete(owner);
    return;
  }
  state.nodeOfPod.set(owner, node);
  const pods = state.podsByNode.get(node);
  if (pods === undefined) state.podsByNode.set(node, new Set([owner]));
  else pods.add(owner);
}
