/**
 * What is known of one kind: which objects were told, in which version, and what is wrong with them. Listings are
 * compared with it by key, so that deletions are seen whatever was missed.
 */
import { type NodeName, type ObjectKey, objectKey } from '../../model/names.ts';
import type { ObjectChange, Problem, WeirObject } from '../../model/objects.ts';
import type { ObjectVersion } from '../../model/source.ts';
import { withLastGood } from '../last-good.ts';
import { parseObject } from '../parse-object.ts';
import { errorMessage } from './failure.ts';
import type { WatchedKind } from './kinds.ts';
import { trimmed } from './trimming.ts';
import type { RawObject } from './watch-events.ts';

export interface KnownObjects {
  /** A listing begins: what it does not name until `endListing` is gone. Forgets a listing that was not ended. */
  beginListing(): void;
  endListing(): void;
  set(object: RawObject): void;
  remove(object: RawObject): void;
  /** The object is in this state or a later one; of a listing under way, what came so far counts. */
  reached(version: ObjectVersion): boolean;
  /** Every problem of this kind's objects now. */
  problems(): readonly Problem[];
}

/** Where changes go. */
export interface ChangeSink {
  change(key: ObjectKey, change: ObjectChange): void;
  /** Problems changed, objects did not. */
  problemsChanged(): void;
}

interface Known {
  readonly namespace: string;
  readonly name: string;
  resourceVersion: string;
  /** A good state was told; it stays while newer ones are refused. */
  told: boolean;
}

const DECIMAL = /^[1-9]\d*$/;

/** Starts out knowing nothing. What it tells is trimmed to what the agent of `node` needs. */
export function createKnownObjects(kind: WatchedKind, node: NodeName, sink: ChangeSink): KnownObjects {
  const known = new Map<ObjectKey, Known>();
  const problems = new Map<ObjectKey, readonly Problem[]>();
  let listed: Set<ObjectKey> | null = null;

  function noteProblems(key: ObjectKey, found: readonly Problem[]): void {
    const had = problems.delete(key);
    if (found.length > 0) problems.set(key, found);
    if (had || found.length > 0) sink.problemsChanged();
  }

  function forget(key: ObjectKey): void {
    const entry = known.get(key);
    if (entry === undefined) return;
    known.delete(key);
    noteProblems(key, []);
    const { namespace, name, told } = entry;
    if (told) sink.change(key, { type: 'delete', kind: kind.kind, namespace, name });
  }

  return {
    beginListing() {
      listed = new Set();
    },
    endListing() {
      if (listed === null) return;
      for (const key of [...known.keys()]) if (!listed.has(key)) forget(key);
      listed = null;
    },
    set(raw) {
      const { namespace, name, resourceVersion } = raw;
      const key = objectKey(kind.kind, namespace, name);
      listed?.add(key);
      const entry = known.get(key) ?? { namespace, name, resourceVersion: '', told: false };
      if (resourceVersion !== '' && entry.resourceVersion === resourceVersion) return;
      entry.resourceVersion = resourceVersion;
      known.set(key, entry);
      const { object, found } = parse(kind, raw);
      noteProblems(key, object === undefined && entry.told ? found.map(withLastGood) : found);
      if (object === undefined) return;
      entry.told = true;
      sink.change(key, { type: 'set', object: trimmed(object, node) });
    },
    remove({ namespace, name }) {
      const key = objectKey(kind.kind, namespace, name);
      listed?.delete(key);
      forget(key);
    },
    reached({ namespace, name, resourceVersion }) {
      const seen = known.get(objectKey(kind.kind, namespace, name))?.resourceVersion;
      if (resourceVersion === null) return seen === undefined;
      return seen !== undefined && isNotOlder(seen, resourceVersion);
    },
    problems: () => [...problems.values()].flat(),
  };
}

/** Versions are decimal numbers that grow; of anything else only equality says something. */
function isNotOlder(version: string, than: string): boolean {
  if (!DECIMAL.test(version) || !DECIMAL.test(than)) return version === than;
  return version.length === than.length ? version >= than : version.length > than.length;
}

function parse(
  kind: WatchedKind,
  raw: RawObject,
): { readonly object?: WeirObject; readonly found: readonly Problem[] } {
  try {
    const result = parseObject(raw.content, null);
    if (result.type === 'skipped') return { found: [] };
    return result.type === 'object'
      ? { object: result.object, found: result.problems }
      : { found: result.problems };
  } catch (error) {
    const problem: Problem = {
      severity: 'error',
      object: { kind: kind.kind, namespace: raw.namespace, name: raw.name },
      field: '',
      reason: 'Unreadable',
      message: `the object can't be read (${errorMessage(error)})`,
      remedy: 'please report this object',
      file: null,
    };
    return { found: [problem] };
  }
}
