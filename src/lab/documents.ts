/** The manifests of a lab: what the user wrote, and what the control plane has assigned to it. */
import { createHash } from 'node:crypto';
import type { WeirObject } from '../model/objects.ts';
import { parseObject } from '../source/parse-object.ts';
import { inherited, type RawObject, withAssigned, withIngress } from './assigned-fields.ts';

/** Stands for the file of a document, which problems of documents do not name. */
const MANIFEST = '';

/** One manifest. `resolved` is what the agents read: `raw` with addresses and ports that stay. */
export interface LabDocument {
  /** `KIND NAMESPACE/NAME`. */
  readonly key: string;
  readonly raw: RawObject;
  readonly resolved: RawObject;
  /** What the user last wrote was refused: the agents are shown it, but `raw` and `resolved` stay in effect. */
  readonly refused: RawObject | null;
}

const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'ServiceCIDR',
  'ClusterNetworkPolicy',
]);

/** Kind, namespace and name as one text; documents without a name get a key of their content. */
export function documentKey(raw: RawObject): string {
  const kind = typeof raw.kind === 'string' ? raw.kind : '';
  const metadata = (raw.metadata ?? {}) as { readonly name?: unknown; readonly namespace?: unknown };
  if (kind === '' || typeof metadata.name !== 'string') {
    return `invalid ${createHash('sha256').update(JSON.stringify(raw)).digest('hex').slice(0, 12)}`;
  }
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : 'default';
  return `${kind} ${CLUSTER_SCOPED.has(kind) ? '' : namespace}/${metadata.name}`;
}

/**
 * The documents after these manifests were applied: same keys are replaced, the rest stays. `now` (RFC 3339) becomes the
 * creation time of new objects that bring none, as at an API server: who came first keeps an address that two want.
 */
export function applyDocuments(
  documents: readonly LabDocument[],
  manifests: readonly RawObject[],
  now?: string,
): readonly LabDocument[] {
  const result = new Map(documents.map((document) => [document.key, document]));
  const seen = new Set<string>();
  for (const raw of manifests) {
    const key = documentKey(raw);
    // As in a folder, the first of two with one name counts; readManifests has reported the second.
    if (seen.has(key)) continue;
    seen.add(key);
    const previous = result.get(key);
    result.set(key, applied(key, withCreation(raw, creationOf(previous?.resolved) ?? now), previous));
  }
  return [...result.values()];
}

/** The documents without those that the manifests name. */
export function deleteDocuments(
  documents: readonly LabDocument[],
  manifests: readonly RawObject[],
): readonly LabDocument[] {
  const keys = new Set(manifests.map(documentKey));
  return documents.filter(({ key }) => !keys.has(key));
}

/** The valid objects among the documents. */
export function objectsOf(documents: readonly LabDocument[]): readonly WeirObject[] {
  return documents.flatMap(({ resolved }) => objectOf(resolved) ?? []);
}

/** Writes what was assigned into the documents; objects without a document (a default Node) become one. */
export function resolveDocuments(
  documents: readonly LabDocument[],
  completed: readonly WeirObject[],
): readonly LabDocument[] {
  const byKey = new Map(completed.map((object) => [keyOf(object), object]));
  const resolved = documents.map((document): LabDocument => {
    const object = byKey.get(document.key);
    return object === undefined
      ? document
      : { ...document, resolved: withAssigned(document.resolved, object) };
  });
  const known = new Set(documents.map(({ key }) => key));
  const made = completed.filter((object) => object.kind === 'Node' && !known.has(keyOf(object)));
  return [
    ...resolved,
    ...made.map((object) => {
      const raw = { apiVersion: 'v1', kind: 'Node', metadata: { name: object.name } };
      return { key: keyOf(object), raw, resolved: withAssigned(raw, object), refused: null };
    }),
  ];
}

/**
 * What the agents read: a List, written as one file so that a change is seen whole or not at all.
 * @param completed where load balancers have their addresses, which may be others after a change
 */
export function manifestText(
  documents: readonly LabDocument[],
  completed: readonly WeirObject[] = [],
): string {
  const byKey = new Map(completed.map((object) => [keyOf(object), object]));
  const items = documents.map(({ key, resolved, refused }) => {
    const object = byKey.get(key);
    return refused ?? (object?.kind === 'Service' ? withIngress(resolved, object) : resolved);
  });
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 1)}\n`;
}

function creationOf(raw: RawObject | undefined): unknown {
  return (raw?.metadata as RawObject | undefined)?.creationTimestamp;
}

function withCreation(raw: RawObject, time: unknown): RawObject {
  if (time === undefined || !isRecord(raw.metadata) || creationOf(raw) !== undefined) return raw;
  return { ...raw, metadata: { ...raw.metadata, creationTimestamp: time } };
}

function isRecord(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function applied(key: string, raw: RawObject, previous: LabDocument | undefined): LabDocument {
  if (parseObject(raw, MANIFEST).type === 'refused') {
    return previous === undefined ? { key, raw, resolved: raw, refused: raw } : { ...previous, refused: raw };
  }
  const before = previous === undefined ? undefined : objectOf(previous.resolved);
  const resolved = before === undefined ? raw : inherited(raw, previous?.raw ?? raw, before);
  return { key, raw, resolved, refused: null };
}

function objectOf(raw: RawObject): WeirObject | undefined {
  const result = parseObject(raw, MANIFEST);
  return result.type === 'object' ? result.object : undefined;
}

function keyOf({ kind, namespace, name }: WeirObject): string {
  return `${kind} ${namespace}/${name}`;
}
