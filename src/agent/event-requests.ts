/** What is asked of the API server to tell something as an Event: two or three small requests. */
import type { ObjectReference } from '../model/objects.ts';
import type { Connector } from '../source/kubernetes/connection.ts';
import { ApiFailure, type ApiTarget } from '../source/kubernetes/failure.ts';
import { WATCHED_KINDS } from '../source/kubernetes/kinds.ts';
import { type ApiRequest, readWhole } from '../source/kubernetes/request.ts';
import type { Timing } from '../source/kubernetes/timing.ts';
import {
  type EventSubject,
  eventName,
  eventNamespace,
  type Notice,
  newEvent,
  repeatedEvent,
  type ToldEvent,
} from './problem-event.ts';

export interface EventRequestOptions {
  readonly connector: Connector;
  readonly timing: Timing;
  /** Of this agent. */
  readonly node: string;
  readonly signal: AbortSignal;
}

/** `known`: told a short time ago, by whomever; `gone`: the object is, or is of a kind no Event can name. */
export type Telling = 'written' | 'repeated' | 'known' | 'gone';

const EVENTS: ApiTarget = {
  kind: 'Event',
  apiVersion: 'v1',
  resource: 'events',
  verbs: ['get', 'create', 'patch'],
};

/** Metadata only, of any kind. */
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/**
 * Tells it: as a new Event, or by counting the one that is there.
 * @throws ApiFailure
 */
export async function tellNotice(notice: Notice, options: EventRequestOptions): Promise<Telling> {
  const subject = await findSubject(notice.object, options);
  if (subject === null) return 'gone';
  const { node, timing } = options;
  const collection = `/api/v1/namespaces/${eventNamespace(notice)}/events`;
  const path = `${collection}/${eventName(notice, subject)}`;
  const told = (await unless(isGone, ask(options, EVENTS, { path }))) as ToldEvent | null;
  if (told === null) {
    const content = newEvent(notice, subject, node, timing.wallMs());
    const body = { type: 'application/json', content };
    const made = await unless(
      isSuperfluous,
      ask(options, EVENTS, { path: collection, method: 'POST', body }),
    );
    return made === null ? 'known' : 'written';
  }
  const content = repeatedEvent(told, notice, timing.wallMs());
  if (content === null) return 'known';
  const body = { type: 'application/merge-patch+json', content };
  const counted = await unless(isSuperfluous, ask(options, EVENTS, { path, method: 'PATCH', body }));
  return counted === null ? 'known' : 'repeated';
}

async function findSubject(
  { kind, namespace, name }: ObjectReference,
  options: EventRequestOptions,
): Promise<EventSubject | null> {
  const watched = WATCHED_KINDS.find((candidate) => candidate.kind === kind);
  if (watched === undefined || name === '') return null;
  const slash = watched.path.lastIndexOf('/');
  const plural = watched.path.slice(slash);
  const inside = namespace === '' ? '' : `/namespaces/${namespace}`;
  // Any version will do, which spares the server a look into its store.
  const path = `${watched.path.slice(0, slash)}${inside}${plural}/${encodeURIComponent(name)}?resourceVersion=0`;
  const found = await unless(isGone, ask(options, watched, { path, accept: METADATA }));
  if (found === null) return null;
  const { uid, resourceVersion } = (found as { readonly metadata: EventSubject }).metadata;
  return { apiVersion: watched.apiVersion, uid, resourceVersion };
}

async function ask(
  { connector, timing, signal }: EventRequestOptions,
  target: ApiTarget,
  request: Pick<ApiRequest, 'path' | 'method' | 'body' | 'accept'>,
): Promise<unknown> {
  const connection = await connector.connect();
  const { body } = await readWhole(connection, { ...request, target, gzip: false, signal, timing });
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiFailure(`${target.resource}: the answer is no JSON`, { status: 200, cause: error });
  }
}

/** The answer, or null where it is the refusal that was to be expected. */
async function unless(
  isExpected: (failure: ApiFailure) => boolean,
  answer: Promise<unknown>,
): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiFailure && isExpected(error)) return null;
    throw error;
  }
}

function isGone({ status }: ApiFailure): boolean {
  return status === 404;
}

/** Another node's agent was faster, the Event is past its time, or everything in its namespace is about to go. */
function isSuperfluous({ status, message }: ApiFailure): boolean {
  return status === 409 || status === 404 || (status === 403 && message.includes('being terminated'));
}
