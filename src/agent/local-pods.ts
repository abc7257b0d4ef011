/** Pods of this node whose packets policies can judge, told change by change. */
import { isDeepStrictEqual } from 'node:util';
import type { Address } from '../model/address.ts';
import { type NodeName, type ObjectName, objectName } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import { isFinished } from '../model/probe-targets.ts';
import type { ClusterView } from '../model/view.ts';

/** A pod's addresses, or null where it left the node. */
export type LocalPodChanges = ReadonlyMap<ObjectName, readonly Address[] | null>;

export interface LocalPods {
  /** What is known of these pods has changed, wherever they are. */
  touch(pods: Iterable<ObjectName>): void;
  /** What changed since the last call, or at first, all there are. */
  take(): LocalPodChanges;
}

/** `view`: live. Pods of the host's network are the node, and finished ones have left their addresses. */
export function createLocalPods(view: Pick<ClusterView, 'pods' | 'podsOnNode'>, node: NodeName): LocalPods {
  const known = new Map<ObjectName, readonly Address[]>();
  let touched: Set<ObjectName> | 'everything' = 'everything';
  const isHere = (pod: PodObject | undefined): pod is PodObject =>
    pod !== undefined && pod.nodeName === node && !pod.hostNetwork && !isFinished(pod);
  return {
    touch(pods) {
      if (touched !== 'everything') for (const pod of pods) touched.add(pod);
    },
    take() {
      const changes = new Map<ObjectName, readonly Address[] | null>();
      const names =
        touched === 'everything'
          ? [...view.podsOnNode(node)].map(({ namespace, name }) => objectName(namespace, name))
          : touched;
      for (const name of names) {
        const pod = view.pods.get(name);
        const [before, after] = [known.get(name), isHere(pod) ? pod.addresses : undefined];
        if (isDeepStrictEqual(before, after)) continue;
        if (after === undefined) known.delete(name);
        else known.set(name, after);
        changes.set(name, after ?? null);
      }
      touched = new Set();
      return changes;
    },
  };
}
