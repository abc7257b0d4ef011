/** The documents completed by the control plane; an edit that it refuses leaves the object as it was. */
import { completeObjects } from '../cluster/complete.ts';
import { withLastGood } from '../cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import type { ObjectReference, Problem, WeirObject } from '../model/objects.ts';
import { type LabDocument, objectsOf } from './documents.ts';

export interface CompletedDocuments {
  /** Refused edits stand beside what stays in effect. */
  readonly documents: readonly LabDocument[];
  readonly objects: readonly WeirObject[];
  readonly problems: readonly Problem[];
}

/** `previous`: the lab's documents before the change. */
export function completeKeepingGood(
  previous: readonly LabDocument[],
  documents: readonly LabDocument[],
): CompletedDocuments {
  const first = completeObjects(objectsOf(documents), DEFAULT_CLUSTER_OPTIONS);
  const before = new Map(previous.map((document) => [document.key, document]));
  const present = new Set(first.objects.map(keyOf));
  const errors = first.problems.filter(({ severity }) => severity === 'error');
  const wrong = new Set(errors.map(({ object }) => keyOf(object)));
  const kept = documents.map((document) => {
    const earlier = before.get(document.key);
    const isRefused = wrong.has(document.key) && !present.has(document.key);
    return isRefused && earlier !== undefined && earlier.resolved !== document.resolved
      ? { ...earlier, refused: document.raw }
      : document;
  });
  const refused = new Set(
    kept.filter((document, index) => document !== documents[index]).map(({ key }) => key),
  );
  if (refused.size === 0) return { ...first, documents };
  const second = completeObjects(objectsOf(kept), DEFAULT_CLUSTER_OPTIONS);
  const told = errors.filter(({ object }) => refused.has(keyOf(object))).map(withLastGood);
  return { documents: kept, objects: second.objects, problems: [...second.problems, ...told] };
}

function keyOf({ kind, namespace, name }: ObjectReference): string {
  return `${kind} ${namespace}/${name}`;
}
