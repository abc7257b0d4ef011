/**
 * Agents of other instances in the same network namespace. Its nft table has one name whatever the instance, and belongs
 * to one agent: two would undo each other's work for ever.
 */
import { readdirSync, statSync } from 'node:fs';
import { askAgent, ControlError } from './control-client.ts';
import { controlSocketPath, RUN_DIRECTORY } from './instance-paths.ts';
import type { AgentStatus } from './status.ts';

/** An agent that does not answer within this is no reason not to start. */
const PATIENCE_MS = 1000;

/** Which network namespace this process is in, as a number that means the same to every process of the machine. */
export function networkNamespace(): number {
  return statSync('/proc/self/ns/net').ino;
}

/** @throws ControlError (second-agent) when an agent of another instance runs in this network namespace */
export async function refuseNeighbours(instance: string): Promise<void> {
  const own = networkNamespace();
  const others = instances().filter((each) => each !== instance);
  const answers = await Promise.all(others.map(statusOf));
  const neighbour = answers.find((status) => status?.networkNamespace === own) ?? null;
  if (neighbour === null) return;
  throw new ControlError(
    `the agent of instance ${neighbour.instance} (pid ${neighbour.pid}) runs in this network namespace, whose nft table is its own; stop it first`,
    { code: 'second-agent' },
  );
}

function instances(): readonly string[] {
  try {
    return readdirSync(RUN_DIRECTORY);
  } catch {
    // Nobody has ever run here.
    return [];
  }
}

async function statusOf(instance: string): Promise<Partial<AgentStatus> | null> {
  try {
    const answer = await askAgent(controlSocketPath(instance), 'GET', '/status', PATIENCE_MS);
    return answer as Partial<AgentStatus> | null;
  } catch {
    return null;
  }
}
