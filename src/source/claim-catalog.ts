/** What the files of a folder say about each object, and which of it is in effect. */
import { isDeepStrictEqual } from 'node:util';
import { compareText, type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectChange, Problem, WeirObject } from '../model/objects.ts';
import { type Claim, repeatedObjectProblem } from './manifest-file.ts';

export interface ClaimCatalog {
  /** Replaces what the file says; no claims: the file is gone. */
  replace(file: string, claims: readonly Claim[]): void;
  /** What changed in effect since the last call. */
  settle(): readonly ObjectChange[];
  /** Objects that stand in several places. */
  repeats(): readonly Problem[];
  /** Whether the object is refused now, but an earlier state of it goes on. */
  isKept(key: ObjectKey): boolean;
}

/**
 * Of several valid claims of an object the first by path counts. Where every claim is refused, the last good state
 * stays; where there is none, the object is gone.
 */
export function createClaimCatalog(): ClaimCatalog {
  const claims = new Map<ObjectKey, Map<string, readonly (WeirObject | null)[]>>();
  const keysOf = new Map<string, ReadonlySet<ObjectKey>>();
  const current = new Map<ObjectKey, WeirObject>();
  const repeated = new Map<ObjectKey, readonly Problem[]>();
  const touched = new Set<ObjectKey>();

  function settleKey(key: ObjectKey): ObjectChange | undefined {
    const places = [...(claims.get(key) ?? [])].sort(([a], [b]) => compareText(a, b));
    const valid = places.flatMap(([file, objects]) =>
      objects.flatMap((object) => (object === null ? [] : [{ file, object }])),
    );
    const [first, ...others] = valid;
    if (first === undefined || others.length === 0) repeated.delete(key);
    else
      repeated.set(
        key,
        others.map(({ object, file }) => repeatedObjectProblem(object, first.file, file)),
      );
    const before = current.get(key);
    if (first !== undefined) {
      // A file with many objects is read again for one of them: the others did not change.
      if (isDeepStrictEqual(first.object, before)) return undefined;
      current.set(key, first.object);
      return { type: 'set', object: first.object };
    }
    if (before === undefined || places.length > 0) return undefined;
    current.delete(key);
    return { type: 'delete', kind: before.kind, namespace: before.namespace, name: before.name };
  }

  return {
    replace(file, next) {
      const byKey = Map.groupBy(next, ({ key }) => key);
      for (const key of keysOf.get(file) ?? []) {
        const places = claims.get(key);
        places?.delete(file);
        if (places?.size === 0) claims.delete(key);
        touched.add(key);
      }
      if (next.length === 0) keysOf.delete(file);
      else keysOf.set(file, new Set(byKey.keys()));
      for (const [key, ofKey] of byKey) {
        const places = claims.get(key) ?? new Map<string, readonly (WeirObject | null)[]>();
        claims.set(
          key,
          places.set(
            file,
            ofKey.map(({ object }) => object),
          ),
        );
        touched.add(key);
      }
    },
    settle() {
      const changes = [...touched].flatMap((key) => settleKey(key) ?? []);
      touched.clear();
      // Deletions first: what a new object asks for may just have become free.
      return changes.sort((a, b) => Number(a.type === 'set') - Number(b.type === 'set'));
    },
    repeats: () => [...repeated.values()].flat(),
    isKept: (key) =>
      current.has(key) && [...(claims.get(key)?.values() ?? [])].flat().every((object) => object === null),
  };
}

/** The problem as it stands: where the last good state goes on, it says so. */
export function explainKept(catalog: ClaimCatalog, problem: Problem): Problem {
  const { kind, namespace, name } = problem.object;
  if (problem.severity !== 'error' || !catalog.isKept(objectKey(kind, namespace, name))) return problem;
  return { ...problem, message: `${problem.message}; its last good state stays in effect` };
}
