/** What a running agent put into the kernel, and a way to ask the kernel about it. */

import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { askAgent } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { policyRowsFromJson, type RowsJson, rowsFromJson } from '../agent/rows-json.ts';
import type { AgentStatus } from '../agent/status.ts';
import { openRehearsal, type Rehearsal } from '../dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import type { InstalledRows } from '../explain/trace.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';
import type { NodeName } from '../model/names.ts';
import { CommandFailure, requireRoot } from './exit.ts';
import { checkInstance } from './instance.ts';

/** What the agent has compiled, and the interfaces of its pods. */
interface AgentRows {
  readonly installed: InstalledRows;
  readonly interfaces: readonly PodInterface[];
}

/** An agent whose kernel can be asked. */
export interface AskedAgent {
  readonly status: AgentStatus;
  readonly ask: AskTwice;
}

/** Asks once; where the answer is that kernel and rows `disagree`, again when rows were just being replaced. */
type AskTwice = <Answer>(
  ask: (rows: AgentRows, rehearsal: Rehearsal) => Promise<Answer>,
  disagree: (answer: Answer) => boolean,
) => Promise<Answer>;

/** An agent compiles, then writes: what it compiled is in the kernel after this long. */
const INSTALLED_WITHIN_MS = 500;
const MOST_ATTEMPTS = 5;

/**
 * Does `work` with the kernel of the instance's agent at hand.
 * @throws CommandFailure where its policies are not enforced by BPF; ControlError where no agent answers
 */
export async function withAgentKernel<Result>(
  instance: string,
  work: (agent: AskedAgent) => Promise<Result>,
): Promise<Result> {
  requireRoot('asking the kernel runs the policy programs');
  const socket = controlSocketPath(checkInstance(instance));
  const status = (await askAgent(socket, 'GET', '/status')) as AgentStatus;
  const { backend, why } = status.backends.policy;
  if (backend !== 'bpf' || status.policies === null) {
    const message = `the agent of ${instance} does not enforce policies by BPF (${backend}: ${why}): only BPF programs can be asked; run it with --policy-backend=bpf`;
    throw new CommandFailure(message, { exitCode: 1 });
  }
  const rehearsal = await openRehearsal({
    directory: pinDirectory(instance),
    networkNamespace: namespaceOf(status),
  });
  try {
    return await work({
      status,
      ask: (ask, disagree) => askTwice(socket, status, rehearsal, ask, disagree),
    });
  } finally {
    rehearsal.close();
  }
}

async function askTwice<Answer>(
  socket: string,
  { node }: AgentStatus,
  rehearsal: Rehearsal,
  ask: (rows: AgentRows, rehearsal: Rehearsal) => Promise<Answer>,
  disagree: (answer: Answer) => boolean,
): Promise<Answer> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const before = await rehearsal.revision();
    const json = (await askAgent(socket, 'GET', '/rows')) as RowsJson;
    const interfaces = (await askAgent(socket, 'GET', '/interfaces')) as readonly PodInterface[];
    const policyRows = policyRowsFromJson(json);
    await rehearsal.learn(policyRows.rules.keys());
    const installed = { node: node as NodeName, rows: rowsFromJson(json), policyRows };
    const answer = await ask({ installed, interfaces }, rehearsal);
    if (!disagree(answer)) return answer;
    await sleep(INSTALLED_WITHIN_MS);
    if ((await rehearsal.revision()) === before) return answer;
  }
  throw new CommandFailure('the rows change faster than the kernel can be asked; ask again', { exitCode: 1 });
}

/**
 * The namespace with the pods' interfaces: the agent's.
 * @throws CommandFailure where that can't be found from here
 */
export function namespaceOf({ pid, networkNamespace, instance }: AgentStatus): string {
  const found = ['/proc/self/ns/net', `/proc/${pid}/ns/net`].find(
    (path) => statSync(path, { throwIfNoEntry: false })?.ino === networkNamespace,
  );
  if (found !== undefined) return found;
  const message = `the network namespace of the agent of ${instance} can't be found from here; run this on its node, in its namespace of processes`;
  throw new CommandFailure(message, { exitCode: 1 });
}
