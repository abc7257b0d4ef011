/** The completed objects, and how a batch changed them. */
import { isDeepStrictEqual } from 'node:util';
import { compareText, type ObjectName, objectName } from '../model/names.ts';
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
  get(kind: ObjectKind, owner: ObjectName): WeirObject | undefined;
  /**
   * Sets the object; true if it differs from the one there.
   * @param owner the object's name, where the caller has it already
   */
  put(object: WeirObject, owner?: ObjectName): boolean;
  /** Drops the object; true if there was one. */
  remove(kind: ObjectKind, owner: ObjectName): boolean;
  /** Namespaces in which objects came or went since the last flush. */
  touchedNamespaces(): Iterable<string>;
  /** Whether any object lives in the namespace. */
  inUse(namespace: string): boolean;
  /** What changed since the last flush, ordered by kind and name. */
  flush(): readonly ObjectChange[];
}

/** The objects of one kind. */
interface Shelf {
  readonly current: Map<ObjectName, WeirObject>;
  /** Those that changed since the last flush, as they were then. */
  readonly before: Map<ObjectName, WeirObject | undefined>;
}

export function createOutput(): Output {
  const shelves = new Map(
    KIND_ORDER.map((kind): [ObjectKind, Shelf] => [kind, { current: new Map(), before: new Map() }]),
  );
  const population = new Map<string, number>();
  const touched = new Set<string>();
  const shelfOf = (kind: ObjectKind): Shelf => shelves.get(kind) as Shelf;

  function note({ before }: Shelf, owner: ObjectName, old: WeirObject | undefined): void {
    if (!before.has(owner)) before.set(owner, old);
  }

  function count(namespace: string, growth: number): void {
    if (namespace === '') return;
    population.set(namespace, (population.get(namespace) ?? 0) + growth);
    touched.add(namespace);
  }

  return {
    get: (kind, owner) => shelfOf(kind).current.get(owner),
    put(object, owner = objectName(object.namespace, object.name)) {
      const shelf = shelfOf(object.kind);
      const old = shelf.current.get(owner);
      if (old !== undefined && isDeepStrictEqual(old, object)) return false;
      note(shelf, owner, old);
      shelf.current.set(owner, object);
      if (old === undefined) count(object.namespace, 1);
      return true;
    },
    remove(kind, owner) {
      const shelf = shelfOf(kind);
      const old = shelf.current.get(owner);
      if (old === undefined) return false;
      note(shelf, owner, old);
      shelf.current.delete(owner);
      count(old.namespace, -1);
      return true;
    },
    touchedNamespaces: () => touched,
    inUse: (namespace) => (population.get(namespace) ?? 0) > 0,
    flush() {
      const changes = [...shelves.values()].flatMap(changesOf);
      for (const { before } of shelves.values()) before.clear();
      touched.clear();
      return changes;
    },
  };
}

function changesOf({ before, current }: Shelf): readonly ObjectChange[] {
  const changes: ObjectChange[] = [];
  for (const [owner, old] of before) {
    const now = current.get(owner);
    if (now === undefined) {
      if (old !== undefined) changes.push(deletionOf(old));
    } else if (old === undefined || !isDeepStrictEqual(old, now)) {
      changes.push({ type: 'set', object: now });
    }
  }
  return changes.sort(compareChanges);
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
