/** A lab for people: its nodes with their agents, its pods, its Services, and what is wrong. */
import { problemLine } from '../agent/problem-log.ts';
import type { AgentStatus } from '../agent/status.ts';
import type { LabStatus } from '../lab/lab.ts';
import type { Problem } from '../model/objects.ts';
import type { ServiceRows } from '../model/rows.ts';
import { table } from './output.ts';
import { servicesTable } from './services-table.ts';

/** Tables one below the other. `services` are the rows of one node. */
export function labStatusText(lab: LabStatus, services: readonly ServiceRows[]): string {
  const nodes = lab.nodes.map((node) => [
    node.name,
    node.addresses.join(' '),
    node.podCidrs.join(' '),
    node.agent === null ? 'no agent' : agentText(node.agent.status as AgentStatus | null),
  ]);
  const pods = lab.pods.map((pod) => [
    pod.name,
    pod.node,
    pod.addresses.join(' '),
    pod.ports.join(' '),
    pod.running ? (pod.ready ? 'ready' : 'not ready') : 'not running',
  ]);
  const parts = [
    table(['node', 'addresses', 'pod networks', 'agent'], nodes),
    table(['pod', 'node', 'addresses', 'ports', 'state'], pods),
    servicesTable(services),
    ...problemLines(agentProblems(lab)),
    ...lab.notes.map((note) => `note: ${note}`),
  ];
  return parts.join('\n\n');
}

/** What the agents of a lab find wrong, each problem once. */
export function agentProblems(lab: LabStatus): readonly Problem[] {
  const all = lab.nodes.flatMap(({ agent }) => (agent?.status as AgentStatus | null)?.problems ?? []);
  return [...new Map(all.map((problem) => [problemLine(problem), problem])).values()];
}

function agentText(status: AgentStatus | null): string {
  if (status === null) return 'does not answer';
  const { sync } = status;
  const health = status.healthy ? '' : `, not healthy: ${status.unhealthyBecause}`;
  return `${sync.state}${sync.lastError === null ? '' : ` (${sync.lastError})`}${health}`;
}

function problemLines(problems: readonly Problem[]): readonly string[] {
  return problems.length === 0
    ? []
    : [problems.map((problem) => `${problem.severity}: ${problemLine(problem)}`).join('\n')];
}
