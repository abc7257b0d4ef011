/** The benchmark's end of a child process that holds one cluster. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { ClusterShape } from './cluster-shape.ts';
import { Answer, type Pace, type Request } from './data-path-messages.ts';
import { spawnInNamespace } from './namespaces.ts';

/** What the launcher `weir` starts an agent's Node with. */
const AGENT_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=4'];

export interface DataPathProcess {
  /** Loads the cluster into the namespace's kernel. Time runs from objects in memory; memory is the process's peak. */
  load(shape: ClusterShape, localPods: readonly string[]): Promise<{ wallMs: number; peakRssMb: number }>;
  /** Changes one endpoint at a time; milliseconds from object to kernel for each. */
  change(count: number, pace: Pace): Promise<readonly number[]>;
  /** Ends the process; what is in the kernel stays. */
  exit(): Promise<void>;
}

/** Starts a child inside `namespace`. Every call throws when the child failed or died. */
export function startDataPath(namespace: string): DataPathProcess {
  const script = join(import.meta.dirname, 'data-path-child.ts');
  const child = spawnInNamespace(
    namespace,
    process.execPath,
    [...AGENT_NODE_OPTIONS, script],
    // stdout belongs to the report.
    ['ignore', 2, 2, 'ipc'],
  );
  return {
    async load(shape, localPods) {
      const answer = await ask(child, { type: 'load', shape, localPods: [...localPods] });
      if (answer.type !== 'loaded')
        throw new Error(`loading ${shape.services} Services: ${describe(answer)}`);
      return answer;
    },
    async change(count, pace) {
      const answer = await ask(child, { type: 'change', count, pace });
      if (answer.type !== 'changed') throw new Error(`changing endpoints: ${describe(answer)}`);
      return answer.latenciesMs;
    },
    exit: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.send({ type: 'exit' } satisfies Request);
      }),
  };
}

function ask(child: ChildProcess, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const died = (code: number | null): void => reject(new Error(`the child process ended with ${code}`));
    child.once('exit', died);
    child.once('message', (message) => {
      child.off('exit', died);
      resolve(Answer.parse(message));
    });
    child.send(request, (error) => error && reject(error));
  });
}

function describe(answer: Answer): string {
  return answer.type === 'failed' ? answer.message : `unexpected answer ${answer.type}`;
}
