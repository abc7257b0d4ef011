/**
 * Problems, and what happened, as Kubernetes Events: one after the other, sparingly, and never in anybody's way. What
 * can't be told is counted; the log and `weir status` have it anyway.
 */
import { retryDelayMs } from '../source/kubernetes/backoff.ts';
import type { Connector } from '../source/kubernetes/connection.ts';
import { ApiFailure, errorMessage } from '../source/kubernetes/failure.ts';
import type { Timing } from '../source/kubernetes/timing.ts';
import { tellNotice } from './event-requests.ts';
import { createPace, type Pace } from './pace.ts';
import type { Notice } from './problem-event.ts';
import { problemIdentity } from './problem-log.ts';

export interface EventCounts {
  /** New Events. */
  readonly written: number;
  /** Events that were there, counted once more. */
  readonly repeated: number;
  /** Not told, since told a short time ago or since the object is gone. */
  readonly spared: number;
  /** Not told, since there were too many. */
  readonly dropped: number;
  /** Refused by the API server. */
  readonly failed: number;
  /** Why the last one could not be told; null once one could. */
  readonly lastError: string | null;
}

export interface EventWriter {
  /** Takes a new problem, or what happened; tells it in a few seconds. */
  report(notice: Notice): void;
  /** It is gone: not worth an Event any more, if it has none yet. */
  withdraw(notice: Notice): void;
  counts(): EventCounts;
  /** Ends what is under way; what waits is forgotten. */
  stop(): Promise<void>;
}

export interface EventWriterOptions {
  readonly connector: Connector;
  readonly timing: Timing;
  readonly node: string;
  readonly log: { warn(details: object, message: string): void };
}

/** All nodes see a change at the same time; whoever comes later finds it told. What is gone by then was never told. */
const SPREAD_MS = 5000;
const MOST_WAITING = 1000;
/** As client-go, where the server answers, but badly. */
const MOST_TRIES = 12;
/** As client-go: of each object 25 Events at once, then one in five minutes. */
const BURST = 25;
const PERIOD_MS = 300_000;
/** Of so many objects it is remembered what they have left. */
const MOST_OBJECTS = 4096;

interface Writer {
  readonly options: EventWriterOptions;
  /** By identity, in the order of their coming. */
  readonly waiting: Map<string, Notice>;
  readonly budget: EventBudget;
  readonly counts: { -readonly [name in keyof EventCounts]: EventCounts[name] };
  readonly abort: AbortController;
  /** In a row. */
  failures: number;
  running: Promise<void> | null;
  /** Ends the wait under way. */
  wake: () => void;
}

/** Makes a writer that asks nothing of the server before the first problem. */
export function createEventWriter(options: EventWriterOptions): EventWriter {
  const writer: Writer = {
    options,
    waiting: new Map(),
    budget: createBudget(options.timing),
    counts: { written: 0, repeated: 0, spared: 0, dropped: 0, failed: 0, lastError: null },
    abort: new AbortController(),
    failures: 0,
    running: null,
    wake: () => {},
  };
  return {
    report(notice) {
      if (writer.abort.signal.aborted) return;
      if (writer.waiting.size >= MOST_WAITING || !writer.budget.spend(notice)) {
        writer.counts.dropped += 1;
        return;
      }
      writer.waiting.set(problemIdentity(notice), notice);
      writer.running ??= drain(writer);
    },
    withdraw: (notice) => void writer.waiting.delete(problemIdentity(notice)),
    counts: () => ({ ...writer.counts }),
    async stop() {
      writer.abort.abort();
      writer.wake();
      await writer.running;
    },
  };
}

async function drain(writer: Writer): Promise<void> {
  const { timing } = writer.options;
  await pause(writer, timing.random() * SPREAD_MS);
  for (let next = first(writer); next !== null; next = first(writer)) {
    const [identity, notice] = next;
    const delayMs = await tell(writer, notice);
    if (delayMs === null) writer.waiting.delete(identity);
    else await pause(writer, delayMs);
  }
  writer.running = null;
}

function first({ waiting, abort }: Writer): readonly [string, Notice] | null {
  if (abort.signal.aborted) return null;
  return waiting.entries().next().value ?? null;
}

/** Milliseconds until it is to be tried again; null: it is done with. */
async function tell(writer: Writer, notice: Notice): Promise<number | null> {
  const { counts, options, abort } = writer;
  try {
    const telling = await tellNotice(notice, { ...options, signal: abort.signal });
    counts[telling === 'known' || telling === 'gone' ? 'spared' : telling] += 1;
    counts.lastError = null;
    writer.failures = 0;
    return null;
  } catch (error) {
    return abort.signal.aborted ? null : fail(writer, error);
  }
}

function fail(writer: Writer, error: unknown): number | null {
  const { counts, options } = writer;
  const message = errorMessage(error);
  if (counts.lastError !== message) options.log.warn({}, `Events can't be written: ${message}`);
  counts.lastError = message;
  writer.failures += 1;
  if (!(error instanceof ApiFailure) || !isPassing(error, writer.failures)) {
    counts.failed += 1;
    writer.failures = 0;
    return null;
  }
  if (isUnreached(error)) options.connector.renew();
  return retryDelayMs(writer.failures, options.timing.random(), error.retryAfterMs);
}

function isPassing(failure: ApiFailure, tries: number): boolean {
  const { status } = failure;
  return isUnreached(failure) || (status !== null && (status === 429 || status >= 500) && tries < MOST_TRIES);
}

/** It has nothing to do with this Event, and the source waits for the same. */
function isUnreached({ status }: ApiFailure): boolean {
  return status === null || status === 401;
}

function pause(writer: Writer, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = writer.options.timing.schedule(delayMs, resolve);
    writer.wake = () => {
      cancel();
      resolve();
    };
    if (writer.abort.signal.aborted) writer.wake();
  });
}

interface EventBudget {
  /** Takes one Event of the object; false where it has none left. */
  spend(notice: Notice): boolean;
}

function createBudget(timing: Timing): EventBudget {
  const paces = new Map<string, Pace>();
  return {
    spend({ object }) {
      const key = JSON.stringify([object.kind, object.namespace, object.name]);
      const pace = paces.get(key) ?? createPace(PERIOD_MS, BURST);
      // Last again: the first is the one unused for longest.
      paces.delete(key);
      paces.set(key, pace);
      const [oldest] = paces.keys();
      if (paces.size > MOST_OBJECTS && oldest !== undefined) paces.delete(oldest);
      const nowMs = timing.monotonicMs();
      if (pace.waitMs(nowMs) > 0) return false;
      pace.spend(nowMs);
      return true;
    },
  };
}
