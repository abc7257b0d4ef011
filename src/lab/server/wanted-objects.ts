/** What an API server should hold for a lab: the completed objects of the kinds that agents watch. Pure. */
import { createHash } from 'node:crypto';
import { kubernetesJson } from '../../cluster/kubernetes-json.ts';
import { compareText, type ObjectName } from '../../model/names.ts';
import type { Meta, ObjectKind, WeirObject } from '../../model/objects.ts';
import { WATCHED_KINDS, type WatchedKind } from '../../source/kubernetes/kinds.ts';
import { parseObject } from '../../source/parse-object.ts';
import type { LabDocument } from '../documents.ts';
import type { JsonObject } from './api-client.ts';

/** Everything a lab writes has it, with the lab's name. */
export const LAB_LABEL = 'lab.weir.dev/name';
/** Digest of what was written: tells whether an object has to be written again. */
export const WRITTEN_ANNOTATION = 'lab.weir.dev/written';
/** Keeps an object that is being deleted, as the manifest has it. */
export const FINALIZER = 'lab.weir.dev/terminating';

/** Nothing depends on when the object was created. */
export const NO_AGE = -1;

/** The server gives them. */
const NO_UIDS: ReadonlyMap<ObjectName, string> = new Map();

export interface WantedObject {
  readonly kind: WatchedKind;
  readonly namespace: string;
  readonly name: string;
  readonly content: JsonObject;
  readonly digest: string;
  /** It is there, with a deletionTimestamp. */
  readonly terminating: boolean;
  /** Time of creation in whole seconds, as servers have it: who came first keeps what two ask for. Or NO_AGE. */
  readonly age: number;
  /** The manifests have it; else the control plane made it. */
  readonly given: boolean;
}

/** What only a server may write, or what would mean other objects there. */
const SERVERS_OWN = [
  'uid',
  'resourceVersion',
  'generation',
  'managedFields',
  'selfLink',
  'ownerReferences',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];

/**
 * In the order in which they are to be created: oldest first. What the agents' parser refuses is written as it stands:
 * they are to say so.
 */
export function wantedObjects(
  lab: string,
  documents: readonly LabDocument[],
  completed: readonly WeirObject[],
): readonly WantedObject[] {
  const refused = new Map(
    documents
      .flatMap((document) => refusedObject(lab, document))
      .map((object) => [wantedKey(object), object]),
  );
  const raws = new Map(documents.map(({ key, resolved }) => [key, resolved]));
  const objects = completed.flatMap((object) => {
    const kind = watchedKind(object.kind);
    if (kind === undefined) return [];
    const identity = { kind, ...identityOf(object) };
    const raw = raws.get(wantedKey(identity)) ?? null;
    if (refused.has(wantedKey(identity))) return [];
    return wanted(lab, { ...identity, given: raw !== null }, kubernetesJson(object, raw, NO_UIDS));
  });
  return [...objects, ...refused.values()].sort(byNeedAndAge);
}

/** Text that tells objects apart, as documents have it. */
export function wantedKey({
  kind,
  namespace,
  name,
}: Pick<WantedObject, 'kind' | 'namespace' | 'name'>): string {
  return `${kind.kind} ${namespace}/${name}`;
}

type Identity = Pick<WantedObject, 'kind' | 'namespace' | 'name' | 'terminating' | 'age' | 'given'>;

function identityOf({ namespace, name, deleting, createdAtMs }: Meta) {
  return { namespace, name, terminating: deleting, age: ageOf(createdAtMs) };
}

/** An edit that only the control plane refuses is none: there the object stays as it was. */
function refusedObject(lab: string, { key, refused }: LabDocument): readonly WantedObject[] {
  const kind = watchedKind(refused?.kind);
  const [, namespace = '', name = ''] = /^\S+ ([^/]*)\/(.+)$/.exec(key) ?? [];
  if (refused === null || kind === undefined || name === '') return [];
  if (parseObject(refused, null).type !== 'refused') return [];
  const time = Date.parse(String((refused.metadata as JsonObject).creationTimestamp));
  const age = ageOf(Number.isNaN(time) ? null : time);
  return [wanted(lab, { kind, namespace, name, terminating: false, age, given: true }, refused)];
}

function wanted(lab: string, identity: Identity, json: JsonObject): WantedObject {
  const given = json.metadata as JsonObject;
  const own = Object.fromEntries(Object.entries(given).filter(([field]) => !SERVERS_OWN.includes(field)));
  const metadata = {
    ...own,
    ...(identity.namespace === '' ? {} : { namespace: identity.namespace }),
    labels: { ...(own.labels as JsonObject | undefined), [LAB_LABEL]: lab },
    ...(identity.terminating ? { finalizers: [FINALIZER] } : {}),
  };
  const content = { ...json, metadata };
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  const annotations = { ...(own.annotations as JsonObject | undefined), [WRITTEN_ANNOTATION]: digest };
  return { ...identity, digest, content: { ...content, metadata: { ...metadata, annotations } } };
}

function watchedKind(kind: unknown): WatchedKind | undefined {
  return WATCHED_KINDS.find((watched) => watched.kind === (kind as ObjectKind));
}

function ageOf(createdAtMs: number | null): number {
  return createdAtMs === null ? NO_AGE : Math.floor(createdAtMs / 1000);
}

/** What others live in or on comes first, whatever its age. */
function byNeedAndAge(a: WantedObject, b: WantedObject): number {
  const place = ({ kind }: WantedObject) => WATCHED_KINDS.indexOf(kind);
  const isBasis = ({ kind }: WantedObject) => kind.kind === 'Namespace' || kind.kind === 'Node';
  return (
    Number(isBasis(b)) - Number(isBasis(a)) ||
    a.age - b.age ||
    place(a) - place(b) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}
