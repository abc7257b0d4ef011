/** `weir status`: what the agent of an instance does. */
import { askAgent } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import type { RowsJson } from '../agent/rows-json.ts';
import type { AgentStatus } from '../agent/status.ts';
import { usageFailure } from './exit.ts';
import { checkInstance } from './instance.ts';
import { print, printJson } from './output.ts';
import { servicesTable } from './services-table.ts';
import { statusText } from './status-text.ts';

/** Prints the status, or the table of Services; exit code 1 where the agent says that it is not healthy. */
export async function status(
  what: string | undefined,
  options: { readonly instance: string; readonly json?: true },
): Promise<void> {
  const socket = controlSocketPath(checkInstance(options.instance));
  if (what === 'services') {
    const rows = (await askAgent(socket, 'GET', '/rows')) as RowsJson;
    if (options.json) printJson(rows.services);
    else print(servicesTable(rows.services));
    return;
  }
  if (what !== undefined) throw usageFailure(`status ${what}: write "weir status" or "weir status services"`);
  const answer = (await askAgent(socket, 'GET', '/status')) as AgentStatus;
  if (options.json) printJson(answer);
  else print(statusText(answer, Date.now()));
  if (!answer.healthy) process.exitCode = 1;
}
