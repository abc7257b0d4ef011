/** The control plane in one step: a whole set of objects, completed. */
import type { NodeObject, Problem, WeirObject } from '../model/objects.ts';
import { createControlPlane } from './control-plane.ts';
import { type ControlPlaneMemory, keepLastGood } from './last-good.ts';
import type { ClusterOptions } from './options.ts';

/** The node of a set of manifests that declares none. */
const ONLY_NODE: NodeObject = {
  kind: 'Node',
  namespace: '',
  name: 'node',
  uid: '',
  labels: {},
  annotations: {},
  createdAtMs: null,
  deleting: false,
  podCidrs: [],
  addresses: [],
};

/** The objects, with one node where there is none. */
export function withNode(objects: readonly WeirObject[]): readonly WeirObject[] {
  return objects.some(({ kind }) => kind === 'Node') ? objects : [...objects, ONLY_NODE];
}

/**
 * Completes objects as an API server with its controllers would: nodes, pods and Services get their addresses and
 * ports, slices follow from selectors, Endpoints are mirrored, namespaces exist. The result depends only on the set of
 * objects, not on their order, and completing it again changes nothing. Without any Node there is one, named `node`.
 *
 * @param memory of a control plane that had other objects before: they are completed as it would do now
 */
export function completeObjects(
  objects: readonly WeirObject[],
  options: ClusterOptions,
  memory: ControlPlaneMemory | null = null,
): { readonly objects: readonly WeirObject[]; readonly problems: readonly Problem[] } {
  const plane = keepLastGood(createControlPlane(options, memory?.allocations), memory?.given);
  const { changes, problems } = plane.apply(withNode(objects).map((object) => ({ type: 'set', object })));
  return { objects: changes.flatMap((change) => (change.type === 'set' ? [change.object] : [])), problems };
}
