/** What the server sends, as far as it is the same in every encoding: events of a watch and pages of a list. */
import { ApiFailure, answerFailure } from './failure.ts';
import type { WatchedKind } from './kinds.ts';

/** An object as the server sent it, with what identifies it; nothing of it is checked yet. */
export interface RawObject {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly content: unknown;
}

export type WatchEvent =
  | { readonly type: 'set' | 'delete'; readonly object: RawObject }
  /** `initialEnd`: all that was there when the stream began has been sent. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly initialEnd: boolean }
  | { readonly type: 'failure'; readonly failure: ApiFailure }
  | { readonly type: 'unreadable'; readonly why: string };

export interface ListPage {
  readonly objects: readonly RawObject[];
  readonly resourceVersion: string;
  /** Asks for the next page; null: this was the last. */
  readonly continueToken: string | null;
}

/** JSON, or what is the same in another encoding. */
export type Json = Readonly<Record<string, unknown>>;

const INITIAL_END = 'k8s.io/initial-events-end';

/** The event of this type; its object may be anything. Never throws. */
export function eventOf(kind: WatchedKind, type: unknown, object: Json): WatchEvent {
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'set', object: rawObject(kind, object) };
    case 'DELETED':
      return { type: 'delete', object: rawObject(kind, object) };
    case 'BOOKMARK': {
      const metadata = recordOf(object.metadata) ?? {};
      const initialEnd = recordOf(metadata.annotations)?.[INITIAL_END] === 'true';
      return { type: 'bookmark', resourceVersion: textOf(metadata.resourceVersion), initialEnd };
    }
    case 'ERROR':
      return { type: 'failure', failure: statusFailure(kind, object) };
    default:
      return { type: 'unreadable', why: `an event of type ${JSON.stringify(type)}` };
  }
}

/**
 * The page of a list.
 * @throws ApiFailure where it is no list
 */
export function pageOf(kind: WatchedKind, list: Json | undefined): ListPage {
  const metadata = recordOf(list?.metadata);
  const resourceVersion = textOf(metadata?.resourceVersion);
  if (list === undefined || metadata === undefined || resourceVersion === '') {
    const remedy = 'check that the address is that of a Kubernetes API server';
    throw new ApiFailure(`${kind.resource}: the answer is no Kubernetes list; ${remedy}`, { status: 200 });
  }
  const items: readonly unknown[] = Array.isArray(list.items) ? list.items : [];
  return {
    objects: items.map((item) => rawObject(kind, recordOf(item) ?? {})),
    resourceVersion,
    continueToken: textOf(metadata.continue) || null,
  };
}

function rawObject(kind: WatchedKind, content: Json): RawObject {
  const metadata = recordOf(content.metadata) ?? {};
  return {
    namespace: textOf(metadata.namespace),
    name: textOf(metadata.name),
    resourceVersion: textOf(metadata.resourceVersion),
    // Items of a list carry neither.
    content:
      content.kind === undefined ? { ...content, kind: kind.kind, apiVersion: kind.apiVersion } : content,
  };
}

function statusFailure(kind: WatchedKind, status: Json): ApiFailure {
  const code = typeof status.code === 'number' ? status.code : 500;
  const seconds = recordOf(status.details)?.retryAfterSeconds;
  const asked = typeof seconds === 'number' ? seconds * 1000 : null;
  const body = JSON.stringify({ message: status.message ?? '' });
  return answerFailure(kind, { status: code, body, retryAfterMs: asked });
}

/** The value if it is an object of fields. */
export function recordOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
