/** Follows which local pods are exempt from sockets' programs, and looks for those whose network namespace is not there yet. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { SocketBackend } from '../dataplane/bpf/sockets/socket-backend.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
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
/** Who is looked for as seldom as this is told as a problem. */
const PATIENCE_MS = 1600;

/** Stands still until it is asked for the first time. */
export function createSocketExemptionLoop(options: SocketExemptionsOptions): SocketExemptionLoop {
  const { pipeline, sockets, node, clock, log } = options;
  let current: ReturnType<Pipeline['socketExemptions']> = { pods: new Map(), problems: [] };
  // null: not known, since it was never tried, or failed.
  let unfound: readonly ObjectName[] | null = null;
  let problems: readonly Problem[] = [];
  let pauseMs = FIRST_PAUSE_MS;
  let cancelSearch = (): void => {};
  const tellProblems = (): void => {
    const before = problems;
    const missing = pauseMs >= PATIENCE_MS ? (unfound ?? []) : [];
    problems = [...current.problems, ...missing.map(notFound)];
    if (!isDeepStrictEqual(problems, before)) options.onProblems();
  };
  const attempt = async ({ repair }: SyncAttempt): Promise<void> => {
    cancelSearch();
    const last = current.pods;
    current = pipeline.socketExemptions(node);
    const isSame = isDeepStrictEqual(current.pods, last);
    if (isSame && unfound?.length === 0 && !repair) return tellProblems();
    unfound = null;
    try {
      unfound = await sockets.exempt(current.pods);
    } catch (error) {
      log.error({ err: error }, `pods could not be exempted, it is tried again: ${errorLine(error)}`);
      throw error;
    }
    pauseMs = isSame ? Math.min(2 * pauseMs, LAST_PAUSE_MS) : FIRST_PAUSE_MS;
    if (unfound.length > 0) cancelSearch = clock.schedule(pauseMs, () => loop.request());
    tellProblems();
  };
  const loop = createSyncLoop({ ...options, attempt });
  return {
    request: loop.request,
    flush: loop.flush,
    problems: () => problems,
    async stop() {
      await loop.stop();
      cancelSearch();
    },
  };
}

function notFound(pod: ObjectName): Problem {
  const [namespace = '', name = ''] = pod.split('/');
  return {
    severity: 'warning',
    object: { kind: 'Pod', namespace, name },
    field: '',
    reason: 'NotExempt',
    message: 'its sockets are served though it is to be exempt: no process with its address is to be seen',
    remedy:
      'let the agent see processes, and enter their namespaces: hostPID, capabilities SYS_ADMIN and SYS_PTRACE',
    file: null,
  };
}
