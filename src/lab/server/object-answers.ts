/** Where an API server keeps an object, and what its answers mean: done, this object refused, or nothing can be done. */
import type { Problem } from '../../model/objects.ts';
import { LabError } from '../lab-error.ts';
import type { ApiAnswer, ApiClient, JsonObject } from './api-client.ts';
import { type WantedObject, wantedKey } from './wanted-objects.ts';

export type Identity = Pick<WantedObject, 'kind' | 'namespace' | 'name'>;

/** The server refused this one object; the others go on. */
export class ObjectRefused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.name = 'ObjectRefused';
    this.problem = problem;
  }
}

/**
 * The body of a good answer.
 *
 * @param harmless statuses that are as good
 * @throws ObjectRefused where the object is not valid; LabError (failed) where the server does not let us
 */
export function expectSuccess(
  client: ApiClient,
  object: Identity,
  answer: ApiAnswer,
  ...harmless: readonly number[]
): JsonObject {
  const { status, body } = answer;
  if ((status >= 200 && status < 300) || harmless.includes(status)) return body;
  if (status === 400 || status === 422) {
    const message = `the API server refuses it: ${body.message ?? status}`;
    throw refused(object, 'RefusedByServer', message, 'correct the manifest');
  }
  throw refusal(client, `${wantedKey(object)} can't be written`, answer);
}

/** What to throw for one object that is not taken. */
export function refused(object: Identity, reason: string, message: string, remedy: string): ObjectRefused {
  const { kind, namespace, name } = object;
  const reference = { kind: kind.kind, namespace, name };
  return new ObjectRefused({
    severity: 'error',
    object: reference,
    field: '',
    reason,
    message,
    remedy,
    file: null,
  });
}

/** What to throw where nothing can be written. */
export function refusal({ origin }: ApiClient, what: string, { status, body }: ApiAnswer): LabError {
  const remedy =
    'the user of this kubeconfig must be allowed to list, create, update and delete all that the lab has';
  return new LabError('failed', `${origin}: ${what} (${status}: ${body.message ?? 'no reason'}); ${remedy}`);
}

/** Of an object as servers send it. */
export function metadataOf(content: JsonObject): JsonObject {
  return content.metadata as JsonObject;
}

/** As problems and versions name it. */
export function referenceOf({ kind, namespace, name }: Identity) {
  return { kind: kind.kind, namespace, name };
}

/** Path of the objects of its kind and namespace. */
export function collectionOf({ kind, namespace }: Identity): string {
  if (namespace === '') return kind.path;
  const cut = kind.path.lastIndexOf('/');
  return `${kind.path.slice(0, cut)}/namespaces/${namespace}${kind.path.slice(cut)}`;
}

/** Its own path. */
export function pathOf(object: Identity): string {
  return `${collectionOf(object)}/${object.name}`;
}
