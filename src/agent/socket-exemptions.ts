/** Follows which local pods are exempt from sockets' programs, and looks for those whose network namespace is not there yet. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { SocketBackend } from '../dataplane/bpf/sockets/socket-backend.ts';
import type { NodeName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import type { Clock } from './clock.ts';
import type { Pipeline } from './pipeline.ts';
import { createSyncLoop, type SyncAttempt } from './sync-loop.ts';
import { errorLine } from './sync-record.ts';

export interface SocketExemptionsOptions {
  readonly pipeline: Pick<Pipeline, 'socketExemptions'>;
  readonly sockets: Pick<SocketBackend, 'exempt'>;
  readonly node: NodeName;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
  readonly onProblems: () => void;
}

export interface SocketExemptionLoop {
  /** Something changed: look as soon as the pace allows. */
  request(): void;
  /** Looks now; resolves when those that were found are exempt, rejects with the attempt's error. */
  flush(): Promise<void>;
  problems(): readonly Problem[];
  stop(): Promise<void>;
}

/** A new pod's processes are there within moments; others may never come. */
const FIRST_PAUSE_MS = 200;
const LAST_PAUSE_MS = 10_000;

/** Stands still until it is asked for the first time. */
export function createSocketExemptionLoop(options: SocketExemptionsOptions): SocketExemptionLoop {
  const { pipeline, sockets, node, clock, log } = options;
  let current: ReturnType<Pipeline['socketExemptions']> | null = null;
  // Every pod that is to be exempt is.
  let complete = false;
  let pauseMs = FIRST_PAUSE_MS;
  let cancelSearch = (): void => {};
  const attempt = async ({ repair }: SyncAttempt): Promise<void> => {
    cancelSearch();
    const last = current;
    current = pipeline.socketExemptions(node);
    if (!isDeepStrictEqual(current.problems, last?.problems ?? [])) options.onProblems();
    const isSame = isDeepStrictEqual(current.pods, last?.pods);
    if (isSame && complete && !repair) return;
    complete = false;
    try {
      complete = (await sockets.exempt(current.pods)).length === 0;
    } catch (error) {
      log.error({ err: error }, `pods could not be exempted, it is tried again: ${errorLine(error)}`);
      throw error;
    }
    pauseMs = isSame ? Math.min(2 * pauseMs, LAST_PAUSE_MS) : FIRST_PAUSE_MS;
    if (!complete) cancelSearch = clock.schedule(pauseMs, () => loop.request());
  };
  const loop = createSyncLoop({ ...options, attempt });
  return {
    request: loop.request,
    flush: loop.flush,
    problems: () => current?.problems ?? [],
    async stop() {
      await loop.stop();
      cancelSearch();
    },
  };
}
