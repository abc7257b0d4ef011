/** The completed objects, and how a batch changed them. */
import { isDeepStrictEqual } from 'node:util';
import { compareText, type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectChange, ObjectKind, WeirObject } from '../model/objects.ts';

const KIND_ORDER: readonly ObjectKind[] = [
  'Namespace',
  'Node',
  'Pod',
  'ServiceCIDR',
  'Service',
  'Endpoints',
  'EndpointSlice',
  'NetworkPolicy',
  'ClusterNetworkPolicy',
];

export interface Output {
  get(key: ObjectKey): WeirObject | undefined;
  /**
   * Sets the object; true if it differs from the one there.
   * @param key the object's, where the caller has it already
   */
  put(object: WeirObject, key?: ObjectKey): boolean;
  /** Drops the object; true if there was one. */
  remove(kind: ObjectKind, namespace: string, name: string): boolean;
  /** Namespaces in which objects came or went since the last flush. */
  touchedNamespaces(): Iterable<string>;
  /** Whether any object lives in the namespace. */
  inUse(namespace: string): boolean;
  /** What changed since the last flush, ordered by kind and name. */
  flush(): readonly ObjectChange[];
}

export function createOutput(): Output {
  const current = new Map<ObjectKey, WeirObject>();
  const population = new Map<string, number>();
  const touched = new Set<string>();
  /** As of the last flush. */
  let before = new Map<ObjectKey, WeirObject | undefined>();

  function replace(key: ObjectKey, old: WeirObject | undefined, next: WeirObject | undefined): void {
    if (!before.has(key)) before.set(key, old);
    if (next === undefined) current.delete(key);
    else current.set(key, next);
    const namespace = (next ?? old)?.namespace ?? '';
    const growth = Number(next !== undefined) - Number(old !== undefined);
    if (namespace === '' || growth === 0) return;
    population.set(namespace, (population.get(namespace) ?? 0) + growth);
    touched.add(namespace);
  }

  return {
    get: (key) => current.get(key),
    put(object, key = objectKey(object.kind, object.namespace, object.name)) {
      const old = current.get(key);
      if (old !== undefined && isDeepStrictEqual(old, object)) return false;
      replace(key, old, object);
      return true;
    },
    remove(kind, namespace, name) {
      const key = objectKey(kind, namespace, name);
      const old = current.get(key);
      if (old !== undefined) replace(key, old, undefined);
      return old !== undefined;
    },
    touchedNamespaces: () => touched,
    inUse: (namespace) => (population.get(namespace) ?? 0) > 0,
    flush() {
      const changes = new Map(KIND_ORDER.map((kind): [ObjectKind, ObjectChange[]] => [kind, []]));
      for (const [key, old] of before) {
        const now = current.get(key);
        if (now === undefined) {
          if (old !== undefined) changes.get(old.kind)?.push(deletionOf(old));
        } else if (old === undefined || !isDeepStrictEqual(old, now)) {
          changes.get(now.kind)?.push({ type: 'set', object: now });
        }
      }
      before = new Map();
      touched.clear();
      return [...changes.values()].flatMap((ofKind) => ofKind.sort(compareChanges));
    },
  };
}

function deletionOf({ kind, namespace, name }: WeirObject): ObjectChange {
  return { type: 'delete', kind, namespace, name };
}

/** Orders changes of one kind. */
function compareChanges(a: ObjectChange, b: ObjectChange): number {
  const left = a.type === 'set' ? a.object : a;
  const right = b.type === 'set' ? b.object : b;
  return compareText(left.namespace, right.namespace) || compareText(left.name, right.name);
}
