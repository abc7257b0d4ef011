/** Follows one kind for ever: conversations with the server one after the other, waiting between those that fail. */
import { retryDelayMs } from './backoff.ts';
import type { Connector } from './connection.ts';
import { ApiFailure, errorMessage } from './failure.ts';
import type { WatchedKind } from './kinds.ts';
import type { KnownObjects } from './known-objects.ts';
import { followOnce, type Position } from './stream.ts';
import type { Timing } from './timing.ts';
import type { Turns } from './turns.ts';

export interface ReflectorState {
  /** Every object was heard at least once; of a kind that may be missing, that there is none. */
  readonly listed: boolean;
  /** Why the server has none of this kind for us, which it need not; null: it is followed, or has to be. */
  readonly missing: string | null;
  /** Why it can't be followed now; null: it is. */
  readonly reason: string | null;
  readonly retries: number;
  /** Milliseconds since the epoch. */
  readonly lastEventAtMs: number | null;
}

export interface Reflector {
  start(): void;
  /** Lists everything again; rejects with the failure where that can't be done now. */
  relist(): Promise<void>;
  /** The server answers others: if we wait because it did not answer us, wait no longer. */
  hurry(): void;
  state(): ReflectorState;
  stop(): Promise<void>;
}

export interface ReflectorOptions {
  readonly kind: WatchedKind;
  readonly connector: Connector;
  readonly timing: Timing;
  readonly turns: Turns;
  readonly known: KnownObjects;
  /** The server is there: it answered well, or for the first time after an outage. */
  readonly onAnswer: () => void;
  /** A listing is complete. */
  readonly onListed: () => void;
  /** The reason changed: why it can't be followed, or null when it is again. */
  readonly onReason: (reason: string | null) => void;
  /** The server does without this kind, and why; null: it has it now. */
  readonly onMissing: (why: string | null) => void;
  readonly onUnreadable: (why: string) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Following {
  readonly options: ReflectorOptions;
  readonly position: Position;
  waiters: Waiter[];
  /** Ends the conversation under way. */
  abort: AbortController;
  /** Ends the wait under way; null: none is. */
  wake: (() => void) | null;
  /** The last failure was that no answer came. */
  unanswered: boolean;
  /** The server came back in this outage: waits began anew, which happens once. */
  eased: boolean;
  /** When the conversation under way, or the last one, was answered well; null: it was not. */
  answeredAtMs: number | null;
  /** In a row. */
  failures: number;
  retries: number;
  listed: boolean;
  missing: string | null;
  reason: string | null;
  lastEventAtMs: number | null;
  stopped: boolean;
  running: Promise<void>;
}

/** A conversation that the server ends sooner, without a word, counts as a failure: asking again at once would be a storm. */
const LEAST_CONVERSATION_MS = 1000;

/** A kind that is missing may be installed, or its right granted: looked for this often, half more or less. */
const LOOK_AGAIN_MS = 60_000;

/** Why a kind is missing that nobody installed, or that came with a later version. */
export const NOT_SERVED = 'not served by this API server';

/** Makes a reflector that stands still until started. */
export function createReflector(options: ReflectorOptions): Reflector {
  const following: Following = {
    options,
    position: { resourceVersion: null, streaming: true, doubtful: false },
    waiters: [],
    abort: new AbortController(),
    wake: null,
    unanswered: false,
    eased: false,
    answeredAtMs: null,
    failures: 0,
    retries: 0,
    listed: false,
    missing: null,
    reason: null,
    lastEventAtMs: null,
    stopped: false,
    running: Promise.resolve(),
  };
  return {
    start() {
      following.running = run(following);
    },
    relist() {
      if (following.stopped) return Promise.reject(stopping());
      return new Promise((resolve, reject) => {
        following.waiters.push({ resolve, reject });
        following.position.resourceVersion = null;
        following.abort.abort();
        following.wake?.();
      });
    },
    hurry() {
      if (following.unanswered) following.wake?.();
    },
    state: () => ({
      listed: following.listed,
      missing: following.missing,
      reason: following.reason,
      retries: following.retries,
      lastEventAtMs: following.lastEventAtMs,
    }),
    async stop() {
      following.stopped = true;
      following.abort.abort();
      following.wake?.();
      settle(following, stopping());
      await following.running;
    },
  };
}

async function run(following: Following): Promise<void> {
  while (!following.stopped) {
    following.abort = new AbortController();
    const { signal } = following.abort;
    try {
      await converse(following, signal);
    } catch (error) {
      // Ended by ourselves, to list again or to stop.
      if (signal.aborted) following.position.resourceVersion = null;
      else await fail(following, error);
    }
  }
}

async function converse(following: Following, signal: AbortSignal): Promise<void> {
  const { options, position } = following;
  const { connector, timing } = options;
  const startedMs = timing.monotonicMs();
  let heard = false;
  following.answeredAtMs = null;
  const connection = await connector.connect();
  await followOnce(connection, {
    ...options,
    position,
    signal,
    onAnswer: () => {
      following.answeredAtMs = timing.monotonicMs();
      // A listing is whole at its end only; a watch that goes on is whole at once.
      if (position.resourceVersion !== null) recover(following);
      options.onAnswer();
    },
    onHeard: () => {
      heard = true;
      following.lastEventAtMs = timing.wallMs();
      if (position.resourceVersion !== null) following.failures = 0;
    },
    onListed: () => {
      following.listed = true;
      following.failures = 0;
      noteMissing(following, null);
      recover(following);
      options.onListed();
      if (!signal.aborted) settle(following, null);
    },
  });
  if (position.resourceVersion === null) {
    throw new ApiFailure(`${options.kind.resource}: the server ended the list before it was complete`);
  }
  if (!heard && timing.monotonicMs() - startedMs < LEAST_CONVERSATION_MS) {
    throw new ApiFailure(`${options.kind.resource}: the server ends every watch at once; it is tried again`);
  }
  following.failures = 0;
}

async function fail(following: Following, error: unknown): Promise<void> {
  const { connector, timing, onReason, onAnswer } = following.options;
  const failure = error instanceof ApiFailure ? error : new ApiFailure(errorMessage(error), { cause: error });
  if (isDispensable(following.options.kind, failure)) return await doWithout(following, failure);
  const unanswered = failure.status === null;
  if (following.unanswered && !unanswered && !following.eased) {
    // It starts up, and will soon be ready: the long waits of its absence are over, for the other kinds too.
    [following.failures, following.eased] = [0, true];
    onAnswer();
  }
  if (isFresh(following, failure)) following.failures = 0;
  following.failures += 1;
  following.retries += 1;
  following.unanswered = unanswered;
  if (!isPassing(failure)) connector.renew();
  following.reason = failure.message;
  onReason(failure.message);
  settle(following, failure);
  await pause(following, retryDelayMs(following.failures, timing.random(), failure.retryAfterMs));
}

/** A server that is as it should be, and can't now; after anything else the configuration may be corrected by the next try. */
function isPassing({ status }: ApiFailure): boolean {
  return status !== null && (status === 410 || status === 429 || status >= 500);
}

/** No failure after others: a conversation went well for a while, or the server is there and we have to list anew. */
function isFresh({ answeredAtMs, options }: Following, { status }: ApiFailure): boolean {
  if (status === 410) return true;
  return answeredAtMs !== null && options.timing.monotonicMs() - answeredAtMs >= LEAST_CONVERSATION_MS;
}

/** Not served, or not allowed, and not needed. */
function isDispensable(kind: WatchedKind, { status }: ApiFailure): boolean {
  return kind.optional === true && (status === 404 || status === 403);
}

/** Counts as heard, without objects, until a later look finds the kind. */
async function doWithout(following: Following, { status, message }: ApiFailure): Promise<void> {
  const { connector, timing, known, onListed } = following.options;
  following.position.resourceVersion = null;
  if (status === 403) connector.renew();
  else {
    // The kind went, and all its objects with it. One that is only forbidden now keeps its last good state.
    known.beginListing();
    known.endListing();
  }
  [following.listed, following.failures] = [true, 0];
  noteMissing(following, status === 403 ? message : NOT_SERVED);
  recover(following);
  onListed();
  settle(following, null);
  await pause(following, LOOK_AGAIN_MS * (0.5 + timing.random()));
}

function noteMissing(following: Following, why: string | null): void {
  if (following.missing === why) return;
  following.missing = why;
  following.options.onMissing(why);
}

async function pause(following: Following, delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = following.options.timing.schedule(delayMs, resolve);
    following.wake = () => {
      cancel();
      resolve();
    };
    if (following.stopped) following.wake();
  });
  following.wake = null;
}

function recover(following: Following): void {
  [following.unanswered, following.eased] = [false, false];
  if (following.reason === null) return;
  following.reason = null;
  following.options.onReason(null);
}

function settle(following: Following, error: ApiFailure | null): void {
  const { waiters } = following;
  following.waiters = [];
  for (const { resolve, reject } of waiters) error === null ? resolve() : reject(error);
}

function stopping(): ApiFailure {
  return new ApiFailure('the source is stopping');
}
