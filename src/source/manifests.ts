/** Manifests read once, for commands that work on a set of files: plan, trace, objects, lab. */
import { readFile } from 'node:fs/promises';
import type { ObjectKey } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import { type ManifestFile, readManifestFile, repeatedObjectProblem } from './manifest-file.ts';
import { scanManifests } from './manifest-scan.ts';
import { fileProblem, type RawObject } from './manifest-text.ts';

export interface Manifests {
  /** Every document as written, in order of path and place; items of lists are documents of their own. */
  readonly documents: readonly { readonly file: string; readonly raw: RawObject }[];
  /** Valid objects of the kinds Weir uses, each once. */
  readonly objects: readonly WeirObject[];
  readonly problems: readonly Problem[];
  /** How many objects of each kind that Weir does not use. */
  readonly skippedKinds: Readonly<Record<string, number>>;
}

/**
 * Reads files and folders (recursively: .yaml, .yml, .json; hidden ones skipped). Never throws for what it finds:
 * unreadable paths, syntax errors and refused objects become problems, and all the rest is returned.
 */
export async function readManifests(paths: readonly string[]): Promise<Manifests> {
  const problems: Problem[] = [];
  const read = new Map<string, ManifestFile>();
  for (const path of paths) {
    const { files, failures } = await scanManifests(path);
    for (const failure of failures) problems.push(unreadable(failure.path, failure.cause));
    for (const file of files.keys()) {
      if (read.has(file)) continue;
      const content = await readOne(file);
      if ('severity' in content) problems.push(content);
      else read.set(file, content);
    }
  }
  return collect(read, problems);
}

/** The problem of a path that can't be read. */
export function unreadable(path: string, cause: Error): Problem {
  return fileProblem(path, 'Unreadable', cause.message, 'check that the path exists and may be read');
}

async function readOne(file: string): Promise<ManifestFile | Problem> {
  try {
    return readManifestFile(await readFile(file, 'utf8'), file);
  } catch (error) {
    return unreadable(file, error instanceof Error ? error : new Error(String(error)));
  }
}

function collect(read: ReadonlyMap<string, ManifestFile>, problems: Problem[]): Manifests {
  const kept = new Map<ObjectKey, { readonly object: WeirObject; readonly file: string }>();
  const skippedKinds: Record<string, number> = {};
  for (const [file, content] of read) {
    problems.push(...content.problems);
    for (const [kind, count] of content.skippedKinds) skippedKinds[kind] = (skippedKinds[kind] ?? 0) + count;
    for (const { key, object } of content.claims) {
      if (object === null) continue;
      const earlier = kept.get(key);
      if (earlier === undefined) kept.set(key, { object, file });
      else problems.push(repeatedObjectProblem(object, earlier.file, file));
    }
  }
  return {
    documents: [...read].flatMap(([file, content]) => content.documents.map((raw) => ({ file, raw }))),
    objects: [...kept.values()].map(({ object }) => object),
    problems,
    skippedKinds,
  };
}
