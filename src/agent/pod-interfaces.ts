/**
 * How each local pod is joined to the node, by the node's own routes to single addresses. Everything is read again when
 * anything about interfaces or routes changed.
 */
import { listHostRoutes, listInterfaces, watchNetwork } from '../kernel/network.ts';
import type { Address } from '../model/address.ts';
import { type ObjectName, objectName } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';

/** How a local pod is joined to its node: by an interface on the node's side, or why there is none to judge it on. */
export type PodInterface =
  | { readonly interfaceIndex: number; readonly addresses: readonly Address[] }
  | { readonly missing: string; readonly detail: string };

export interface PodInterfaces {
  /** Looks again; every pod of `pods` is in the answer. */
  find(pods: Iterable<PodObject>): Promise<ReadonlyMap<ObjectName, PodInterface>>;
  /** Of these interfaces, those that are still there. */
  standing(indexes: readonly number[]): Promise<readonly number[]>;
  close(): void;
}

/** Calls back when interfaces or routes changed. */
export function watchPodInterfaces(onChange: () => void): PodInterfaces {
  const stop = watchNetwork(onChange);
  return {
    async find(pods) {
      const routes = await listHostRoutes();
      const byAddress = new Map(routes.map((route) => [route.address, route.interfaceIndex]));
      const stateOf = ({ addresses }: PodObject): PodInterface => {
        const index = addresses.map((address) => byAddress.get(address)).find((found) => found !== undefined);
        if (index === undefined) return { missing: 'not-found', detail: '' };
        return { interfaceIndex: index, addresses };
      };
      return new Map([...pods].map((pod) => [objectName(pod.namespace, pod.name), stateOf(pod)]));
    },
    async standing(indexes) {
      if (indexes.length === 0) return [];
      const there = new Set((await listInterfaces()).map(({ index }) => index));
      return indexes.filter((index) => there.has(index));
    },
    close: stop,
  };
}
