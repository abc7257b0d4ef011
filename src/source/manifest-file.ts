/** One manifest file as a source sees it: its objects, what was refused, and what is wrong. */
import { type ObjectKey, objectKey } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import { isMapping, type RawObject, readManifestText } from './manifest-text.ts';
import { parseObject } from './parse-object.ts';

/** What a file says about one object; `object: null` where it was refused. */
export interface Claim {
  readonly key: ObjectKey;
  readonly object: WeirObject | null;
}

export interface ManifestFile {
  /** Every document as written, skipped kinds and refused objects too. */
  readonly documents: readonly RawObject[];
  /** In order; the first claim of a key counts. */
  readonly claims: readonly Claim[];
  readonly problems: readonly Problem[];
  readonly skippedKinds: ReadonlyMap<string, number>;
  /** Some document could not be read at all: the claims are not all there are. */
  readonly broken: boolean;
}

/** Parses a file's text; never throws. `file` names it in problems. */
export function readManifestFile(text: string, file: string): ManifestFile {
  const { objects, problems: syntaxProblems } = readManifestText(text, file);
  const claims: Claim[] = [];
  const problems: Problem[] = [...syntaxProblems];
  const skippedKinds = new Map<string, number>();
  for (const raw of objects) {
    const result = parseObject(raw, file);
    if (result.type === 'skipped') {
      skippedKinds.set(result.kind, (skippedKinds.get(result.kind) ?? 0) + 1);
      continue;
    }
    problems.push(...result.problems);
    if (result.type === 'object') claims.push({ key: keyOf(result.object), object: result.object });
    else if (result.key !== null) claims.push({ key: result.key, object: null });
  }
  return {
    documents: objects.filter(isMapping),
    claims,
    problems,
    skippedKinds,
    broken: syntaxProblems.length > 0,
  };
}

/** The problem of an object that stands in two places; `kept` and `file` name both files. */
export function repeatedObjectProblem(object: WeirObject, kept: string, file: string): Problem {
  const { kind, namespace, name } = object;
  const place = kept === file ? `twice in ${file}` : `in ${kept} and in ${file}`;
  return {
    severity: 'error',
    object: { kind, namespace, name },
    field: '',
    reason: 'DuplicateObject',
    message: `the object stands ${place}; the first is in effect`,
    remedy: 'remove one of the two or give it another name',
    file,
  };
}

function keyOf({ kind, namespace, name }: WeirObject): ObjectKey {
  return objectKey(kind, namespace, name);
}
