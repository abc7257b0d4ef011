/** A running agent's rows, and its tables of Services as they stand. */
import { askAgent } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { policyRowsFromJson, type RowsJson, rowsFromJson } from '../agent/rows-json.ts';
import type { AgentStatus } from '../agent/status.ts';
import { openLiveChoices } from '../dataplane/bpf/sockets/live-choices.ts';
import type { InstalledRows } from '../explain/trace.ts';
import type { LiveSockets } from '../explain/trace-live.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';
import type { NodeName } from '../model/names.ts';
import { requireRoot } from './exit.ts';
import { checkInstance } from './instance.ts';

/** What it has compiled, and its sockets. */
export interface LiveAgent {
  readonly status: AgentStatus;
  readonly installed: InstalledRows;
  /** null: they are not served. */
  readonly sockets: LiveSockets | null;
}

/**
 * Does `work` with the tables of the instance's agent open for reading.
 * @throws ControlError where no agent answers; CommandFailure for who is not root; Error for another version's tables
 */
export async function withLiveAgent<Result>(
  instance: string,
  work: (agent: LiveAgent) => Promise<Result>,
): Promise<Result> {
  requireRoot('asking the kernel reads the tables of its programs');
  const socket = controlSocketPath(checkInstance(instance));
  const status = (await askAgent(socket, 'GET', '/status')) as AgentStatus;
  const json = (await askAgent(socket, 'GET', '/rows')) as RowsJson;
  const installed = {
    node: status.node as NodeName,
    rows: rowsFromJson(json),
    policyRows: policyRowsFromJson(json),
  };
  const served = status.sockets;
  if (!served?.attached) return work({ status, installed, sockets: null });
  const choices = await openLiveChoices(pinDirectory(instance), served.cgroup);
  try {
    const { nodeOnly, exempt } = served;
    return await work({ status, installed, sockets: { choices, nodeOnly, exempt: new Set(exempt) } });
  } finally {
    choices.close();
  }
}
