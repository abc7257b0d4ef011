/** A problem, or something that happened, as a Kubernetes Event (core/v1): what `kubectl describe` shows at the object. */
import { createHash } from 'node:crypto';
import type { Problem } from '../model/objects.ts';
import { problemText } from './problem-log.ts';

/** What an Event tells. */
export interface Notice extends Omit<Problem, 'severity'> {
  /** `information`: nothing is wrong. */
  readonly severity: Problem['severity'] | 'information';
  /** What was told within this time, by whatever agent, is not told again; absent: 10 minutes. */
  readonly freshMs?: number;
}

/** The object as the API server knows it. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The part of an Event that tells how often it was told. */
export interface ToldEvent {
  readonly metadata: { readonly resourceVersion: string };
  readonly count?: number;
  /** RFC 3339. */
  readonly lastTimestamp?: string | null;
}

const COMPONENT = 'weir';
/** Of a message and of a name, as API servers have them. */
const MOST_MESSAGE_BYTES = 1024;
const MOST_NAME_LENGTH = 253;
/** Told within this time is told: the agents of other nodes see the same problem. */
const FRESH_MS = 10 * 60_000;

/** Events about objects of the cluster itself go to `default`, where kubectl looks for them. */
export function eventNamespace({ object }: Notice): string {
  return object.namespace === '' ? 'default' : object.namespace;
}

/** The same on every node and after every restart, so that one problem is one Event. */
export function eventName({ object, field, reason, message }: Notice, { uid }: EventSubject): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([uid, field, reason, message]))
    .digest('hex');
  const suffix = `.${digest.slice(0, 16)}`;
  // Cut in the middle, a name may end in a character that no name may end in.
  return object.name.slice(0, MOST_NAME_LENGTH - suffix.length).replace(/[^a-z0-9]+$/, '') + suffix;
}

/** The Event that tells it for the first time. */
export function newEvent(notice: Notice, subject: EventSubject, node: string, nowMs: number): object {
  const { kind, namespace, name } = notice.object;
  const now = timeText(nowMs);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: eventNamespace(notice), name: eventName(notice, subject) },
    involvedObject: { kind, ...(namespace === '' ? {} : { namespace }), name, ...subject },
    type: notice.severity === 'information' ? 'Normal' : 'Warning',
    reason: notice.reason,
    message: cut(problemText(notice)),
    source: { component: COMPONENT, host: node },
    reportingComponent: COMPONENT,
    reportingInstance: node,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}

/** A merge patch that counts it once more; null where that would say nothing new. */
export function repeatedEvent(
  { metadata, count, lastTimestamp }: ToldEvent,
  { freshMs = FRESH_MS }: Notice,
  nowMs: number,
): object | null {
  const lastMs = Date.parse(lastTimestamp ?? '');
  if (nowMs - lastMs < freshMs) return null;
  // With the version: of several agents one counts it.
  const { resourceVersion } = metadata;
  return { metadata: { resourceVersion }, count: (count ?? 1) + 1, lastTimestamp: timeText(nowMs) };
}

/** Kubernetes' times have whole seconds. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MOST_MESSAGE_BYTES) return text;
  // A character cut in two becomes U+FFFD, three bytes.
  return `${bytes
    .subarray(0, MOST_MESSAGE_BYTES - 6)
    .toString()
    .replace(/\uFFFD$/, '')}…`;
}
