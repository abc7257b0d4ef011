/** Pods by the node they run on. */
import { type NodeName, type ObjectName, objectName } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';

export interface PodIndex {
  podsOnNode(node: NodeName): Iterable<PodObject>;
  /** Takes the pod's new state in place of the old; undefined where there is none. */
  replace(before: PodObject | undefined, after: PodObject | undefined): void;
}

export function createPodIndex(): PodIndex {
  const byNode = new Map<NodeName, Map<ObjectName, PodObject>>();

  function remove(pod: PodObject | undefined): void {
    if (pod === undefined || pod.nodeName === null) return;
    const pods = byNode.get(pod.nodeName);
    pods?.delete(objectName(pod.namespace, pod.name));
    if (pods?.size === 0) byNode.delete(pod.nodeName);
  }

  function add(pod: PodObject | undefined): void {
    if (pod === undefined || pod.nodeName === null) return;
    const pods = byNode.get(pod.nodeName) ?? new Map<ObjectName, PodObject>();
    pods.set(objectName(pod.namespace, pod.name), pod);
    byNode.set(pod.nodeName, pods);
  }

  return {
    podsOnNode: (node) => byNode.get(node)?.values() ?? [],
    replace(before, after) {
      remove(before);
      add(after);
    },
  };
}
