/** The benchmark's end of a child process that holds one cluster. */
import { AGENT_NODE_OPTIONS, startChild } from './child-process.ts';
import type { ClusterShape } from './cluster-shape.ts';
import { Changed, Loaded, type Pace, type Request } from './data-path-messages.ts';

export interface DataPathProcess {
  /** Loads the cluster into the namespace's kernel. Time runs from objects in memory; memory is the process's peak. */
  load(shape: ClusterShape, localPods: readonly string[]): Promise<Loaded>;
  /** Changes one endpoint at a time; milliseconds from object to kernel for each. */
  change(count: number, pace: Pace): Promise<readonly number[]>;
  /** Ends the process; what is in the kernel stays. */
  exit(): Promise<void>;
}

/** Starts a child inside `namespace`. Every call throws when the child failed or died. */
export function startDataPath(namespace: string): DataPathProcess {
  const child = startChild(namespace, 'data-path-child.ts', AGENT_NODE_OPTIONS);
  return {
    load: (shape, localPods) =>
      child.ask({ type: 'load', shape, localPods: [...localPods] } satisfies Request, Loaded),
    async change(count, pace) {
      const answer = await child.ask({ type: 'change', count, pace } satisfies Request, Changed);
      return answer.latenciesMs;
    },
    exit: child.exit,
  };
}
