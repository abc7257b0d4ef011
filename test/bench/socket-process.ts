/** The benchmark's end of a child process that serves sockets of a node. */
import { z } from 'zod';
import { cgroupRoot } from '../../src/kernel/cgroup.ts';
import { AGENT_NODE_OPTIONS, startChild } from './child-process.ts';
import { Counted, type Request } from './socket-messages.ts';

export interface SocketProcess {
  /** Directory of the cgroup whose sockets are served. */
  readonly cgroup: string;
  /** What the programs took while `work` ran. Timing costs every run some 30 ns, so it is on for that alone. */
  counting(work: () => void): Promise<Counted>;
  /** Ends the process, the programs and the cgroup, which must be empty. */
  exit(): Promise<void>;
}

type Start = Extract<Request, { type: 'start' }>;

/** Resolves when nft and sockets serve the cluster in `namespace`. Every call throws when the process failed or died. */
export async function startSocketProcess(
  namespace: string,
  { shape, localPods }: Pick<Start, 'shape' | 'localPods'>,
): Promise<SocketProcess> {
  const root = cgroupRoot();
  if (root === null) throw new Error('this machine has no cgroup2');
  const cgroup = `${root}/${namespace}`;
  const child = startChild(namespace, 'socket-child.ts', AGENT_NODE_OPTIONS);
  const start = { type: 'start', shape, localPods, instance: namespace, cgroup } satisfies Request;
  try {
    await child.ask(start, z.null());
  } catch (error) {
    await child.exit();
    throw error;
  }
  return {
    cgroup,
    async counting(work) {
      await child.ask({ type: 'beginCount' } satisfies Request, z.null());
      work();
      return child.ask({ type: 'endCount' } satisfies Request, Counted);
    },
    exit: child.exit,
  };
}
