/** The benchmark's end of a child process that holds a standalone cluster. */
import { AGENT_NODE_OPTIONS, startChild } from './child-process.ts';
import { Changed, Completed, type Request, type StandaloneSize } from './standalone-messages.ts';

export interface StandaloneProcess {
  /** Completes a cluster from objects in memory; memory is the process's peak. */
  complete(size: StandaloneSize): Promise<Completed>;
  /** Changes the readiness of one pod at a time; milliseconds from pod to rows for each. */
  changeReadiness(count: number): Promise<readonly number[]>;
  exit(): Promise<void>;
}

/** Starts a child inside `namespace`. Every call throws when the child failed or died. */
export function startStandalone(namespace: string): StandaloneProcess {
  const child = startChild(namespace, 'standalone-child.ts', AGENT_NODE_OPTIONS);
  return {
    complete: (size) => child.ask({ type: 'complete', size } satisfies Request, Completed),
    async changeReadiness(count) {
      const answer = await child.ask({ type: 'readiness', count } satisfies Request, Changed);
      return answer.latenciesMs;
    },
    exit: child.exit,
  };
}

/** Services and pods for each: 10,000 with 100,000 pods, or a tenth of both. */
export function standaloneSize(quick: boolean): StandaloneSize {
  return { services: quick ? 1_000 : 10_000, podsPerService: 10 };
}
