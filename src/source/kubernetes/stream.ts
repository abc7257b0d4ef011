/** One conversation with the server about one kind: a listing where one is due, then its changes until the stream ends. */
import type { ApiConnection } from './connection.ts';
import { acceptedTypes } from './decoding.ts';
import { ApiFailure } from './failure.ts';
import type { WatchedKind } from './kinds.ts';
import type { KnownObjects } from './known-objects.ts';
import { openStream, readWhole, SilenceFailure } from './request.ts';
import type { Timing } from './timing.ts';
import type { Turns } from './turns.ts';
import type { WatchEvent } from './watch-events.ts';

/** How far a kind has been followed. */
export interface Position {
  /** Where to go on; null: a listing is due. */
  resourceVersion: string | null;
  /** The server can send a listing as a stream; false once it refused to. */
  streaming: boolean;
  /** Something could not be read: list again when the stream ends. */
  doubtful: boolean;
}

export interface StreamOptions {
  readonly kind: WatchedKind;
  readonly timing: Timing;
  readonly turns: Turns;
  readonly known: KnownObjects;
  readonly position: Position;
  readonly signal: AbortSignal;
  /** The server answered well. */
  readonly onAnswer: () => void;
  /** Something was heard. */
  readonly onHeard: () => void;
  /** A listing is complete. */
  readonly onListed: () => void;
  readonly onUnreadable: (why: string) => void;
}

const PAGE = 500;
/** The server ends a watch after five to ten minutes, not all of them at the same time. */
const LEAST_WATCH_S = 300;

/**
 * Lists where due, then follows until the server ends the stream. The position says how far it came, also when it throws.
 * @throws ApiFailure
 */
export async function followOnce(connection: ApiConnection, options: StreamOptions): Promise<void> {
  const { position } = options;
  try {
    if (position.resourceVersion === null && position.streaming && (await streamAll(connection, options)))
      return;
    if (position.resourceVersion === null) await listAll(connection, options);
    await watch(connection, options, {
      resourceVersion: position.resourceVersion ?? '',
      allowWatchBookmarks: 'true',
    });
  } catch (error) {
    if (makesPositionUseless(error)) position.resourceVersion = null;
    throw error;
  } finally {
    if (position.doubtful) [position.resourceVersion, position.doubtful] = [null, false];
  }
}

/** A listing as a stream, with its changes after it; false: this server has no such streams. */
async function streamAll(connection: ApiConnection, options: StreamOptions): Promise<boolean> {
  options.known.beginListing();
  try {
    await watch(connection, options, {
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
    });
    return true;
  } catch (error) {
    const refused = error instanceof ApiFailure && (error.status === 400 || error.status === 422);
    if (!refused) throw error;
    options.position.streaming = false;
    return false;
  }
}

async function listAll(connection: ApiConnection, options: StreamOptions): Promise<void> {
  const { kind, known, position, turns } = options;
  known.beginListing();
  let token: string | null = null;
  let resourceVersion = '';
  do {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (token !== null) query.set('continue', token);
    const { encoding, body } = await readWhole(connection, request(options, query, true));
    const page = encoding.page(kind, body);
    options.onHeard();
    for (const object of page.objects) {
      known.set(object);
      await turns.next();
    }
    resourceVersion = page.resourceVersion;
    token = page.continueToken;
  } while (token !== null);
  known.endListing();
  position.resourceVersion = resourceVersion;
  options.onListed();
}

async function watch(
  connection: ApiConnection,
  options: StreamOptions,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const timeoutSeconds = String(Math.round(LEAST_WATCH_S * (1 + options.timing.random())));
  const query = new URLSearchParams({ watch: 'true', timeoutSeconds, ...parameters });
  const { encoding, chunks } = await openStream(connection, request(options, query, false));
  options.onAnswer();
  const splitter = encoding.split();
  for await (const chunk of chunks) {
    for (const piece of splitter.push(chunk)) {
      take(options, encoding.event(options.kind, piece));
      await options.turns.next();
    }
    if (splitter.pendingBytes() === 0) options.onHeard();
  }
  // What is left of a piece is an event that did not come: it is sent again from the last position.
}

function take(options: StreamOptions, event: WatchEvent): void {
  const { known, position } = options;
  switch (event.type) {
    case 'set':
    case 'delete':
      if (event.type === 'set') known.set(event.object);
      else known.remove(event.object);
      // During a listing the versions are in no order: only its end is a position.
      if (position.resourceVersion !== null) advance(position, event.object.resourceVersion);
      return;
    case 'bookmark':
      if (event.initialEnd && position.resourceVersion === null) {
        known.endListing();
        advance(position, event.resourceVersion);
        options.onListed();
      } else if (position.resourceVersion !== null) advance(position, event.resourceVersion);
      return;
    case 'failure':
      throw event.failure;
    case 'unreadable':
      position.doubtful = true;
      options.onUnreadable(event.why);
  }
}

/** Without a version the server would begin anywhere: rather hear again what came after the last one. */
function advance(position: Position, resourceVersion: string): void {
  if (resourceVersion !== '') position.resourceVersion = resourceVersion;
}

function request(options: StreamOptions, query: URLSearchParams, gzip: boolean) {
  const { kind, signal, timing } = options;
  const path = `${kind.path}?${query}`;
  return { path, target: kind, accept: acceptedTypes(kind), gzip, signal, timing };
}

/** Too old (410), ahead of the server (restored from a backup), or a silence in which anything may have happened. */
function makesPositionUseless(error: unknown): boolean {
  if (error instanceof SilenceFailure) return true;
  if (!(error instanceof ApiFailure)) return false;
  return error.status === 410 || error.status === 400 || /too large resource version/i.test(error.message);
}
