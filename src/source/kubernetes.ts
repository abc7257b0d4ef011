/** The source `kubernetes`: an API server's objects, listed and watched. */
import type { Source, SourceBatch, SourceState } from '../model/source.ts';
import type { AccessOptions } from './kubernetes/access.ts';
import { loadAccess } from './kubernetes/access.ts';
import { type ChangeQueue, createChangeQueue } from './kubernetes/change-queue.ts';
import { type ApiConnection, type Connector, createConnector } from './kubernetes/connection.ts';
import { errorMessage } from './kubernetes/failure.ts';
import { WATCHED_KINDS, type WatchedKind } from './kubernetes/kinds.ts';
import { createKnownObjects, type KnownObjects } from './kubernetes/known-objects.ts';
import { createReflector, type Reflector } from './kubernetes/reflector.ts';
import type { Timing } from './kubernetes/timing.ts';
import { createVersionWaits } from './kubernetes/version-waits.ts';

/** The part of a logger that this source uses; pino's fits. */
export interface KubernetesLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface KubernetesOptions extends AccessOptions {
  /** Time without chance, as the agent's clock is. */
  readonly clock: Omit<Timing, 'random'>;
  readonly log?: KubernetesLog;
  /** From 0 to 1; the machine's own chance where absent. */
  readonly random?: () => number;
  /** How to find the server; for tests. */
  readonly load?: () => Promise<ApiConnection>;
}

interface Followed {
  readonly kind: WatchedKind;
  readonly known: KnownObjects;
  readonly reflector: Reflector;
}

/**
 * Follows an API server. `start` delivers nothing before every kind was heard in full, and goes on trying for as long as
 * that takes: `state().reason` says why; it rejects only when stopped before. `rescan` lists everything again and
 * rejects where the server can't be asked.
 */
export function kubernetesSource(options: KubernetesOptions): Source {
  const { log, load = () => loadAccess(options) } = options;
  const connector = createConnector(load);
  let listener: ((batch: SourceBatch) => void) | undefined;
  const begun = Promise.withResolvers<void>();
  // Without a start nobody waits for it.
  begun.promise.catch(() => undefined);

  const queue = createChangeQueue({
    deliver(batch) {
      listener?.(batch);
      waits.check();
    },
    problems: () => followed.flatMap(({ known }) => known.problems()),
    onThrow: (error) => log?.warn({ err: error }, `a batch was not taken: ${errorMessage(error)}`),
  });
  const waits = createVersionWaits((version) =>
    followed.some(({ kind, known }) => kind.kind === version.kind && known.reached(version)),
  );
  const tell = reasonLog(log);

  const followed: readonly Followed[] = WATCHED_KINDS.map((kind) =>
    follow(kind, {
      connector,
      queue,
      timing: timingOf(options),
      log,
      onAnswer: () => {
        for (const other of followed) other.reflector.hurry();
      },
      onListed: () => {
        if (!followed.every((other) => other.reflector.state().listed)) return;
        queue.open();
        begun.resolve();
      },
      onReason: () => tell(reasonOf(followed)),
    }),
  );

  return {
    start(deliver) {
      listener = deliver;
      for (const { reflector } of followed) reflector.start();
      return begun.promise;
    },
    async rescan() {
      await Promise.all(followed.map(({ reflector }) => reflector.relist()));
      queue.flush();
    },
    async reach(versions) {
      const reached = waits.add(versions);
      const begin = async () => {
        await begun.promise;
        // What is heard already, and perhaps not yet delivered.
        queue.flush();
        waits.check();
      };
      await Promise.all([begin(), reached]);
    },
    state: () => describe(followed, connector.origin() ?? 'kubernetes'),
    async stop() {
      queue.close();
      waits.end(new Error('the source is stopping'));
      begun.reject(new Error('stopped before every object was heard'));
      await Promise.all(followed.map(({ reflector }) => reflector.stop()));
    },
  };
}

interface FollowOptions {
  readonly connector: Connector;
  readonly queue: ChangeQueue;
  readonly timing: Timing;
  readonly log: KubernetesLog | undefined;
  readonly onAnswer: () => void;
  readonly onListed: () => void;
  readonly onReason: () => void;
}

function follow(kind: WatchedKind, { queue, log, ...options }: FollowOptions): Followed {
  const known = createKnownObjects(kind, queue);
  const onUnreadable = (why: string) =>
    log?.warn({ kind: kind.kind }, `an event can't be read, it is looked for again later: ${why}`);
  return { kind, known, reflector: createReflector({ ...options, kind, known, onUnreadable }) };
}

function timingOf({ clock, random = Math.random }: KubernetesOptions): Timing {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
    random,
  };
}

/** Of the first kind that can't be followed now; null: all are. */
function reasonOf(followed: readonly Followed[]): string | null {
  const failing = followed.find(({ reflector }) => reflector.state().reason !== null);
  return failing?.reflector.state().reason ?? null;
}

function describe(followed: readonly Followed[], origin: string): SourceState {
  const states = followed.map(({ reflector }) => reflector.state());
  const waiting = followed.filter(({ reflector }) => !reflector.state().listed).map(({ kind }) => kind.kind);
  const events = states.flatMap(({ lastEventAtMs }) => lastEventAtMs ?? []);
  const why = reasonOf(followed) ?? (waiting.length > 0 ? `not yet listed: ${waiting.join(', ')}` : null);
  return {
    origin,
    synced: why === null,
    lastEventAtMs: events.length === 0 ? null : Math.max(...events),
    retries: states.reduce((sum, { retries }) => sum + retries, 0),
    reason: why,
    skippedKinds: {},
  };
}

/** A line when the reason changes, not one for each try. */
function reasonLog(log: KubernetesLog | undefined): (reason: string | null) => void {
  let told: string | null = null;
  return (reason) => {
    if (reason === told) return;
    told = reason;
    if (reason === null) log?.info({}, 'API server: followed again');
    else log?.warn({}, `API server: ${reason}`);
  };
}
