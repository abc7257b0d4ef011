/** The benchmark's end of a child process that is the agent of a node. */
import { z } from 'zod';
import { AGENT_NODE_OPTIONS, startChild } from './child-process.ts';
import { Changed, type Request } from './policy-messages.ts';

export interface PolicyProcess {
  /** Edits one policy after the other; milliseconds from object to kernel for each. */
  change(count: number, apartMs: number): Promise<readonly number[]>;
  /** Ends the process and the programs that it put on interfaces. */
  exit(): Promise<void>;
}

/** Starts an agent inside `namespace`, with all of the cluster in its kernel. Every call throws when it failed or died. */
export async function startPolicyProcess(
  namespace: string,
  { enforcement, cluster, folder }: Omit<Extract<Request, { type: 'start' }>, 'type' | 'instance'>,
): Promise<PolicyProcess> {
  const child = startChild(namespace, 'policy-child.ts', AGENT_NODE_OPTIONS);
  const start = { type: 'start', enforcement, cluster, instance: namespace, folder } satisfies Request;
  try {
    await child.ask(start, z.null());
  } catch (error) {
    await child.exit();
    throw error;
  }
  return {
    async change(count, apartMs) {
      const answer = await child.ask({ type: 'change', count, apartMs } satisfies Request, Changed);
      return answer.latenciesMs;
    },
    exit: child.exit,
  };
}
