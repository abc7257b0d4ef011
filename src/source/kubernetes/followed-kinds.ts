/** All kinds that are followed, as one: known when each is, failing when one is. */
import type { NodeName } from '../../model/names.ts';
import type { Problem } from '../../model/objects.ts';
import type { ObjectVersion, SourceState } from '../../model/source.ts';
import type { Connector } from './connection.ts';
import { WATCHED_KINDS, type WatchedKind } from './kinds.ts';
import { type ChangeSink, createKnownObjects, type KnownObjects } from './known-objects.ts';
import { createReasonLog } from './reason-log.ts';
import { createReflector, NOT_SERVED, type Reflector } from './reflector.ts';
import type { Timing } from './timing.ts';
import { createTurns } from './turns.ts';

/** The part of a logger that this source uses; pino's fits. */
export interface KubernetesLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface FollowOptions {
  /** Of the agent: what runs on other nodes is only kept as far as this one needs it. */
  readonly node: NodeName;
  readonly connector: Connector;
  /** Where changes go. */
  readonly sink: ChangeSink;
  readonly timing: Timing;
  readonly log: KubernetesLog | undefined;
  /** Called after each listing, once every kind was heard in full. */
  readonly onWhole: () => void;
}

export interface FollowedKinds {
  start(): void;
  /** Lists everything again; rejects with the failure where that can't be done now. */
  relist(): Promise<void>;
  /** Every problem of the objects now. */
  problems(): readonly Problem[];
  /** The object is in this state or a later one. */
  reached(version: ObjectVersion): boolean;
  state(): Omit<SourceState, 'origin'>;
  stop(): Promise<void>;
}

interface Followed {
  readonly kind: WatchedKind;
  readonly known: KnownObjects;
  readonly reflector: Reflector;
}

/** Stands still until started. */
export function followKinds(options: FollowOptions): FollowedKinds {
  const { node, sink, timing, log, onWhole } = options;
  const reasons = createReasonLog({
    timing,
    warn: (line) => log?.warn({}, line),
    info: (line) => log?.info({}, line),
  });
  const turns = createTurns(() => timing.monotonicMs());
  const followed: readonly Followed[] = WATCHED_KINDS.map((kind) => {
    const known = createKnownObjects(kind, node, sink);
    const reflector = createReflector({
      ...options,
      kind,
      known,
      turns,
      onAnswer: () => {
        for (const other of followed) other.reflector.hurry();
      },
      onListed: () => {
        if (followed.every((other) => other.reflector.state().listed)) onWhole();
      },
      onReason: () => reasons.note(reasonOf(followed)),
      onMissing: (why) => tellMissing(log, kind, why),
      onUnreadable: (why) =>
        log?.warn({ kind: kind.kind }, `an event can't be read, it is looked for again later: ${why}`),
    });
    return { kind, known, reflector };
  });
  return {
    start() {
      for (const { reflector } of followed) reflector.start();
    },
    async relist() {
      await Promise.all(followed.map(({ reflector }) => reflector.relist()));
    },
    problems: () => followed.flatMap(({ known }) => known.problems()),
    reached: (version) =>
      followed.some(({ kind, known }) => kind.kind === version.kind && known.reached(version)),
    state: () => describe(followed),
    async stop() {
      await Promise.all(followed.map(({ reflector }) => reflector.stop()));
      reasons.stop();
    },
  };
}

/** Of the first kind that can't be followed now; null: all are. */
function reasonOf(followed: readonly Followed[]): string | null {
  const failing = followed.find(({ reflector }) => reflector.state().reason !== null);
  return failing?.reflector.state().reason ?? null;
}

function describe(followed: readonly Followed[]): Omit<SourceState, 'origin'> {
  const states = followed.map(({ kind, reflector }) => ({ kind: kind.kind, ...reflector.state() }));
  const waiting = states.filter(({ listed }) => !listed).map(({ kind }) => kind);
  const events = states.flatMap(({ lastEventAtMs }) => lastEventAtMs ?? []);
  const why = reasonOf(followed) ?? (waiting.length > 0 ? `not yet listed: ${waiting.join(', ')}` : null);
  return {
    synced: why === null,
    lastEventAtMs: events.length === 0 ? null : Math.max(...events),
    retries: states.reduce((sum, { retries }) => sum + retries, 0),
    reason: why,
    skippedKinds: {},
    missingKinds: Object.fromEntries(
      states.flatMap(({ kind, missing }) => (missing === null ? [] : [[kind, missing]])),
    ),
  };
}

function tellMissing(log: KubernetesLog | undefined, kind: WatchedKind, why: string | null): void {
  const details = { kind: kind.kind };
  if (why === null) log?.info(details, `${kind.resource}: given now, and followed`);
  else if (why === NOT_SERVED) log?.info(details, `${kind.resource}: ${why}; Weir goes on without`);
  else log?.warn(details, `${why}; Weir goes on without`);
}
