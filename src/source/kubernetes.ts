/** The source `kubernetes`: an API server's objects, listed and watched. */
import type { NodeName } from '../model/names.ts';
import type { Source, SourceBatch } from '../model/source.ts';
import type { AccessOptions } from './kubernetes/access.ts';
import { loadAccess } from './kubernetes/access.ts';
import { createChangeQueue } from './kubernetes/change-queue.ts';
import { type Connector, createConnector } from './kubernetes/connection.ts';
import { errorMessage } from './kubernetes/failure.ts';
import { followKinds, type KubernetesLog } from './kubernetes/followed-kinds.ts';
import type { Timing } from './kubernetes/timing.ts';
import { createVersionWaits } from './kubernetes/version-waits.ts';

export interface KubernetesOptions extends AccessOptions {
  /** Of the agent: what runs on other nodes is only kept as far as this one needs it. */
  readonly node: NodeName;
  /** Time without chance, as the agent's clock is. */
  readonly clock: Omit<Timing, 'random'>;
  readonly log?: KubernetesLog;
  /** From 0 to 1; the machine's own chance where absent. */
  readonly random?: () => number;
  /** Where others use it too; made of the access where absent. */
  readonly connector?: Connector;
}

/**
 * Follows an API server. `start` delivers nothing before every kind was heard in full, and goes on trying for as long as
 * that takes: `state().reason` says why; it rejects only when stopped before. `rescan` lists everything again and
 * rejects where the server can't be asked.
 */
export function kubernetesSource(options: KubernetesOptions): Source {
  const { log, connector = createConnector(() => loadAccess(options)) } = options;
  let listener: ((batch: SourceBatch) => void) | undefined;
  const begun = Promise.withResolvers<void>();
  // Without a start nobody waits for it.
  begun.promise.catch(() => undefined);

  const queue = createChangeQueue({
    deliver(batch) {
      listener?.(batch);
      waits.check();
    },
    problems: () => kinds.problems(),
    onThrow: (error) => log?.warn({ err: error }, `a batch was not taken: ${errorMessage(error)}`),
  });
  const waits = createVersionWaits((version) => kinds.reached(version));
  const kinds = followKinds({
    node: options.node,
    connector,
    sink: queue,
    timing: timingOf(options),
    log,
    onWhole() {
      queue.open();
      begun.resolve();
    },
  });

  return {
    start(deliver) {
      listener = deliver;
      kinds.start();
      return begun.promise;
    },
    async rescan() {
      await kinds.relist();
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
    state: () => ({ origin: connector.origin() ?? 'kubernetes', ...kinds.state() }),
    async stop() {
      queue.close();
      waits.end(new Error('the source is stopping'));
      begun.reject(new Error('stopped before every object was heard'));
      await kinds.stop();
    },
  };
}

function timingOf({ clock, random = Math.random }: KubernetesOptions): Timing {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
    random,
  };
}
