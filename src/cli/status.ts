/** `weir status`: what the agent of an instance does. */
import { askAgent, streamAgent } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import type { PolicyStatus } from '../agent/policy-record.ts';
import type { RowsJson } from '../agent/rows-json.ts';
import type { ServiceStatus } from '../agent/service-status.ts';
import type { AgentStatus } from '../agent/status.ts';
import { backendsTable } from './backends-table.ts';
import { CommandFailure, usageFailure } from './exit.ts';
import { checkInstance } from './instance.ts';
import { print, printJson } from './output.ts';
import { policiesTable } from './policies-table.ts';
import { statusText } from './status-text.ts';

/**
 * Prints the status, or the table of Services or policies; exit code 1 where the agent says that it is not healthy. `service`:
 * the only one that is shown (`namespace/name`).
 */
export async function status(
  what: string | undefined,
  service: string | undefined,
  options: { readonly instance: string; readonly json?: true },
): Promise<void> {
  if (what !== undefined && what !== 'services' && what !== 'policies')
    throw usageFailure(
      `status ${what}: write "weir status", "weir status services" or "weir status policies"`,
    );
  if (service !== undefined && (what !== 'services' || !/^[^/]+\/[^/]+$/.test(service)))
    throw usageFailure(`status ${what} ${service}: write "weir status services NAMESPACE/NAME"`);
  const socket = controlSocketPath(checkInstance(options.instance));
  if (what === 'services') {
    await printServices(socket, service ?? null, options);
    return;
  }
  const answer = (await askAgent(socket, 'GET', '/status')) as AgentStatus;
  if (what === 'policies') {
    await printPolicies(socket, answer.policies, options);
    return;
  }
  if (options.json) printJson(answer);
  else print(statusText(answer, Date.now()));
  if (!answer.healthy) process.exitCode = 1;
}

/** In parts, since there may be many. */
async function printServices(
  socket: string,
  name: string | null,
  options: { readonly json?: true },
): Promise<void> {
  const services: ServiceStatus[] = [];
  const question = name === null ? '' : `?name=${encodeURIComponent(name)}`;
  await streamAgent(socket, `/services${question}`, (line) => void services.push(JSON.parse(line)));
  if (name !== null && services.length === 0) {
    const message = `no Service ${name} is served on this node; see weir status services`;
    throw new CommandFailure(message, { exitCode: 1 });
  }
  if (options.json) printJson(services);
  else print(backendsTable(services, Date.now()));
}

/** With the rules that decided nothing yet: the agent tells only of those that did. */
async function printPolicies(
  socket: string,
  policies: PolicyStatus | null,
  options: { readonly json?: true },
): Promise<void> {
  if (policies === null) {
    print(options.json ? 'null' : 'no policies are enforced');
    return;
  }
  const rows = (await askAgent(socket, 'GET', '/rows')) as RowsJson;
  const used = new Set(policies.rules.map(({ rule }) => rule.name));
  const unusedRules = rows.policies.rules.filter(
    ({ kind, name }) => kind !== 'not-selected' && !used.has(name),
  );
  if (options.json) printJson({ ...policies, unusedRules });
  else print(policiesTable(policies, unusedRules));
}
