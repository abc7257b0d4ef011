/** What the files of a folder say about each object, and which of it is in effect. */
import { isDeepStrictEqual } from 'node:util';
import { compareText, type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectChange, Problem, WeirObject } from '../model/objects.ts';
import { withLastGood } from './last-good.ts';
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

interface Place {
  readonly file: string;
  readonly object: WeirObject | null;
}

/**
 * Of several valid claims of an object the first by path counts. Where every claim is refused, the last good state
 * stays; where there is none, the object is gone.
 */
export function createClaimCatalog(): ClaimCatalog {
  const claims = new Map<ObjectKey, readonly Place[]>();
  const keysOf = new Map<string, readonly ObjectKey[]>();
  const current = new Map<ObjectKey, WeirObject>();
  const repeated = new Map<ObjectKey, readonly Problem[]>();
  const touched = new Set<ObjectKey>();

  function settleKey(key: ObjectKey): ObjectChange | undefined {
    const places = claims.get(key) ?? [];
    const valid = places.flatMap(({ file, object }) => (object === null ? [] : [{ file, object }]));
    // Within a file the order is that of its documents: sorting is stable.
    if (valid.length > 1) valid.sort((a, b) => compareText(a.file, b.file));
    const [first, ...others] = valid;
    if (first === undefined || others.length === 0) repeated.delete(key);
    else {
      const problems = others.map(({ object, file }) => repeatedObjectProblem(object, first.file, file));
      repeated.set(key, problems);
    }
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
      for (const key of keysOf.get(file) ?? []) {
        const rest = (claims.get(key) ?? []).filter((place) => place.file !== file);
        if (rest.length === 0) claims.delete(key);
        else claims.set(key, rest);
        touched.add(key);
      }
      for (const { key, object } of next) {
        claims.set(key, [...(claims.get(key) ?? []), { file, object }]);
        touched.add(key);
      }
      if (next.length === 0) keysOf.delete(file);
      else
        keysOf.set(
          file,
          next.map(({ key }) => key),
        );
    },
    settle() {
      const changes = [...touched].flatMap((key) => settleKey(key) ?? []);
      touched.clear();
      // Deletions first: what a new object asks for may just have become free.
      return changes.sort((a, b) => Number(a.type === 'set') - Number(b.type === 'set'));
    },
    repeats: () => [...repeated.values()].flat(),
    isKept: (key) => current.has(key) && (claims.get(key) ?? []).every(({ object }) => object === null),
  };
}

/** The problem as it stands: where the last good state goes on, it says so. */
export function explainKept(catalog: ClaimCatalog, problem: Problem): Problem {
  const { kind, namespace, name } = problem.object;
  return catalog.isKept(objectKey(kind, namespace, name)) ? withLastGood(problem) : problem;
}
