/** Makes an API server hold what a lab wants of it: the difference is created, replaced and deleted. */
import type { Problem } from '../../model/objects.ts';
import type { ObjectVersion } from '../../model/source.ts';
import { WATCHED_KINDS } from '../../source/kubernetes/kinds.ts';
import type { Shown } from '../object-store.ts';
import type { ApiClient, JsonObject } from './api-client.ts';
import { type BirthPace, birthPace } from './birth-pace.ts';
import {
  collectionOf,
  expectSuccess,
  type Identity,
  metadataOf,
  ObjectRefused,
  pathOf,
  referenceOf,
  refusal,
  refused,
} from './object-answers.ts';
import { FINALIZER, LAB_LABEL, type WantedObject, WRITTEN_ANNOTATION, wantedKey } from './wanted-objects.ts';

/** An object of the lab's as the server has it. */
interface LiveObject extends Identity {
  readonly content: JsonObject;
}

/**
 * Creates and replaces first, then deletes what the lab has there and no longer wants.
 * @throws LabError (failed) where the server can't be asked, or refuses our credentials
 */
export async function writeObjects(
  client: ApiClient,
  lab: string,
  wanted: readonly WantedObject[],
): Promise<Shown> {
  const live = new Map((await listObjects(client, lab)).map((object) => [wantedKey(object), object]));
  const versions: ObjectVersion[] = [];
  const problems: Problem[] = [];
  const attempt = async (work: () => Promise<ObjectVersion | null>): Promise<void> => {
    try {
      const version = await work();
      if (version !== null) versions.push(version);
    } catch (error) {
      if (!(error instanceof ObjectRefused)) throw error;
      problems.push(error.problem);
    }
  };
  const pace = birthPace([...live.values()].map(({ content }) => metadataOf(content)));
  for (const object of wanted) {
    const existing = live.get(wantedKey(object));
    live.delete(wantedKey(object));
    await attempt(() => writeObject(client, object, existing, pace));
  }
  for (const object of [...live.values()].reverse()) await attempt(() => removeObject(client, object));
  return { versions, problems };
}

/**
 * What the lab has at the server.
 * @throws LabError (failed) as writeObjects
 */
export async function listObjects(client: ApiClient, lab: string): Promise<readonly LiveObject[]> {
  const found: LiveObject[] = [];
  for (const kind of WATCHED_KINDS) {
    const query = new URLSearchParams({ labelSelector: `${LAB_LABEL}=${lab}` });
    const { status, body } = await client.send('GET', `${kind.path}?${query}`);
    if (status === 404 && kind.optional) continue;
    if (status !== 200) throw refusal(client, `${kind.resource} can't be listed`, { status, body });
    for (const content of (body.items ?? []) as readonly JsonObject[]) {
      const { namespace = '', name } = metadataOf(content) as { namespace?: string; name: string };
      found.push({ kind, namespace, name, content });
    }
  }
  return found;
}

async function writeObject(
  client: ApiClient,
  object: WantedObject,
  live: LiveObject | undefined,
  pace: BirthPace,
): Promise<ObjectVersion | null> {
  const stands = live === undefined ? undefined : metadataOf(live.content);
  const isSame = (stands?.annotations as JsonObject | undefined)?.[WRITTEN_ANNOTATION] === object.digest;
  const isTerminating = stands?.deletionTimestamp !== undefined;
  if (isSame && isTerminating === object.terminating) return null;
  let body: JsonObject | null = null;
  if (live !== undefined && isTerminating && !object.terminating) await removeObject(client, live);
  else if (live !== undefined) body = await replace(client, object, live);
  body ??= await create(client, object, pace);
  if (body === null) return null;
  body = await writeStatus(client, object, body);
  if (object.terminating && metadataOf(body).deletionTimestamp === undefined)
    body = expectSuccess(client, object, await client.send('DELETE', pathOf(object), AT_ONCE));
  return { ...referenceOf(object), resourceVersion: String(metadataOf(body).resourceVersion) };
}

/** null: it is there already, and nobody asked for more. */
async function create(client: ApiClient, object: WantedObject, pace: BirthPace): Promise<JsonObject | null> {
  await pace.wait(object);
  const answer = await client.send('POST', collectionOf(object), object.content);
  if (answer.status === 409 && !object.given) return null;
  if (answer.status === 409) {
    const message = 'the API server has an object of this name that is not of this lab: it stays as it is';
    throw refused(object, 'NotOfThisLab', message, 'give it another name, or take an API server without it');
  }
  if (answer.status === 404 && object.kind.optional) {
    const { apiVersion } = object.kind;
    throw refused(
      object,
      'NotServed',
      `the API server knows no such kind of ${apiVersion}`,
      'install it there',
    );
  }
  return expectSuccess(client, object, answer);
}

/** null: it had to be deleted and is to be created. */
async function replace(
  client: ApiClient,
  object: WantedObject,
  live: LiveObject,
): Promise<JsonObject | null> {
  const { resourceVersion } = metadataOf(live.content);
  const content = { ...object.content, metadata: { ...metadataOf(object.content), resourceVersion } };
  const answer = await client.send('PUT', pathOf(object), content);
  if (answer.status === 409) {
    // Someone else wrote to it meanwhile, a controller for instance.
    const now = await client.send('GET', pathOf(object));
    return now.status === 404 ? null : replace(client, object, { ...live, content: now.body });
  }
  if (answer.status !== 422) return expectSuccess(client, object, answer);
  // Invalid in itself, or a field that can't be changed: the server tells by what it says to a new one.
  const trial = await client.send('POST', `${collectionOf(object)}?dryRun=All`, object.content);
  if (trial.status !== 409) return expectSuccess(client, object, answer);
  await removeObject(client, live);
  return null;
}

/** Servers take the status of most kinds only by itself. */
async function writeStatus(client: ApiClient, object: WantedObject, body: JsonObject): Promise<JsonObject> {
  const { status } = object.content;
  if (status === undefined || holds(body.status, status)) return body;
  const answer = await client.send('PUT', `${pathOf(object)}/status`, { ...body, status });
  return expectSuccess(client, object, answer);
}

/** Also one that a finalizer of ours keeps. */
async function removeObject(client: ApiClient, object: LiveObject): Promise<ObjectVersion> {
  const finalizers = (metadataOf(object.content).finalizers ?? []) as readonly string[];
  if (finalizers.includes(FINALIZER)) {
    const rest = finalizers.filter((finalizer) => finalizer !== FINALIZER);
    const patch = { metadata: { finalizers: rest } };
    expectSuccess(client, object, await client.send('PATCH', pathOf(object), patch), 404);
  }
  expectSuccess(client, object, await client.send('DELETE', pathOf(object), AT_ONCE), 404);
  return { ...referenceOf(object), resourceVersion: null };
}

const AT_ONCE: JsonObject = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };

/** Every field of `wanted` is in `actual`, where servers add defaults. */
function holds(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted;
  if (typeof actual !== 'object' || actual === null) return Object.keys(wanted).length === 0;
  return Object.entries(wanted).every(([field, value]) => holds((actual as JsonObject)[field], value));
}
