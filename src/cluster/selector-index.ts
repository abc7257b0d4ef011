/** Which Services select a pod and which pods a Service selects, without looking at all of either. */
import type { ObjectName } from '../model/names.ts';
import type { Labels, PodObject, ServiceObject } from '../model/objects.ts';

export interface SelectorIndex {
  /** Sets the pod, or drops it; the Services that select it now. */
  setPod(owner: ObjectName, pod: PodObject | undefined): readonly ObjectName[];
  setService(owner: ObjectName, service: ServiceObject | undefined): void;
  /** Services of the namespace whose selector matches the labels. */
  servicesMatching(namespace: string, labels: Labels): readonly ObjectName[];
  /** Pods that the Service's selector matches, as of their last setPod. */
  podsMatching(service: ServiceObject): readonly PodObject[];
}

export function createSelectorIndex(): SelectorIndex {
  const pods = new Map<ObjectName, PodObject>();
  const services = new Map<ObjectName, ServiceObject>();
  /** By namespace and one label: all pods that have it. */
  const podsByLabel = new Map<string, Set<ObjectName>>();
  /** By namespace and the first label of the selector: a matching pod must have that one at least. */
  const servicesByLabel = new Map<string, Set<ObjectName>>();

  const servicesOf = (keys: readonly string[], labels: Labels): readonly ObjectName[] => {
    const found: ObjectName[] = [];
    for (const key of keys) {
      for (const owner of servicesByLabel.get(key) ?? []) {
        const selector = services.get(owner)?.selector ?? null;
        if (selector !== null && matches(selector, labels)) found.push(owner);
      }
    }
    return found;
  };

  return {
    setPod(owner, pod) {
      const before = pods.get(owner);
      if (before !== undefined)
        for (const key of labelKeys(before.namespace, before.labels)) drop(podsByLabel, key, owner);
      if (pod === undefined) {
        pods.delete(owner);
        return [];
      }
      pods.set(owner, pod);
      const keys = labelKeys(pod.namespace, pod.labels);
      for (const key of keys) add(podsByLabel, key, owner);
      return servicesOf(keys, pod.labels);
    },
    setService(owner, service) {
      const before = services.get(owner);
      if (before !== undefined) drop(servicesByLabel, selectorKey(before), owner);
      if (service === undefined) {
        services.delete(owner);
        return;
      }
      services.set(owner, service);
      if (service.selector !== null) add(servicesByLabel, selectorKey(service), owner);
    },
    servicesMatching: (namespace, labels) => servicesOf(labelKeys(namespace, labels), labels),
    podsMatching({ namespace, selector }) {
      if (selector === null) return [];
      const rarest = smallest(labelKeys(namespace, selector).map((key) => podsByLabel.get(key)));
      return [...(rarest ?? [])].flatMap((owner) => {
        const pod = pods.get(owner);
        return pod !== undefined && matches(selector, pod.labels) ? [pod] : [];
      });
    },
  };
}

// Loops, since every pod of a large cluster comes by here.
function matches(selector: Labels, labels: Labels): boolean {
  for (const name in selector) if (labels[name] !== selector[name]) return false;
  return true;
}

function labelKeys(namespace: string, labels: Labels): readonly string[] {
  const keys: string[] = [];
  for (const name in labels) keys.push(`${namespace} ${name}=${labels[name]}`);
  return keys;
}

function selectorKey({ namespace, selector }: ServiceObject): string {
  return labelKeys(namespace, selector ?? {})[0] ?? '';
}

function smallest(
  sets: readonly (ReadonlySet<ObjectName> | undefined)[],
): ReadonlySet<ObjectName> | undefined {
  let best = sets[0];
  for (const set of sets) {
    // No pod has this label: none can match.
    if (set === undefined) return undefined;
    if (best === undefined || set.size < best.size) best = set;
  }
  return best;
}

function add(index: Map<string, Set<ObjectName>>, key: string, owner: ObjectName): void {
  const owners = index.get(key);
  if (owners === undefined) index.set(key, new Set([owner]));
  else owners.add(owner);
}

function drop(index: Map<string, Set<ObjectName>>, key: string, owner: ObjectName): void {
  const owners = index.get(key);
  owners?.delete(owner);
  if (owners?.size === 0) index.delete(key);
}
