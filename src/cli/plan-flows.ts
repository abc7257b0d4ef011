/**
 * The open flows of an agent's node, judged by the rows it has and by planned ones. They are read from the kernel here, not
 * by the agent: tables of half a million entries would hold it up.
 */
import { askAgent } from '../agent/control-client.ts';
import type { AgentStatus } from '../agent/status.ts';
import { errorLine } from '../agent/sync-record.ts';
import { readFlowTable } from '../dataplane/bpf/policies/open-flows.ts';
import { readConntrackFlows } from '../dataplane/conntrack-flows.ts';
import type { OpenFlow } from '../dataplane/open-flow.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import { type CutFlow, cutFlows, cutFlowText } from '../explain/cut-flows.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { PolicyRows } from '../model/policy-rows.ts';
import type { Rows } from '../model/rows.ts';
import { namespaceOf } from './agent-kernel.ts';

/** What is known of open flows, and which of them would be cut. */
export interface PlannedFlows {
  /** null: none are known, for the reason that `why` says. */
  readonly judged: number | null;
  readonly why: string | null;
  readonly cut: readonly CutFlow[];
}

/** A running agent and what it has compiled. */
export interface PlannedAgent {
  readonly socket: string;
  readonly status: AgentStatus;
  readonly rows: Rows;
  readonly policyRows: PolicyRows;
}

/** `pods`: whose addresses are, on all nodes. */
export async function planFlows(
  agent: PlannedAgent,
  planned: PolicyRows,
  pods: ReadonlyMap<Address, ObjectName>,
): Promise<PlannedFlows> {
  try {
    const { status, rows, policyRows } = agent;
    const interfaces = (await askAgent(agent.socket, 'GET', '/interfaces')) as readonly PodInterface[];
    const local = new Map(
      interfaces.flatMap(({ pod, addresses }) => addresses.map((each) => [each, pod] as const)),
    );
    const names = {
      pods: new Map([...pods, ...local]),
      serviceOf: (address: Address) => rows.addresses.get(address)?.owner ?? null,
    };
    const flows = await readOpenFlows(status, local);
    return { ...cutFlows(flows, { installed: policyRows, planned }, names), why: null };
  } catch (error) {
    return { judged: null, why: errorLine(error), cut: [] };
  }
}

/** The programs' own table first: conntrack also knows flows from before a policy selected their pod. */
async function readOpenFlows(
  status: AgentStatus,
  pods: ReadonlyMap<Address, ObjectName>,
): Promise<readonly OpenFlow[]> {
  const byPrograms =
    status.backends.policy.backend === 'bpf' ? await readFlowTable(pinDirectory(status.instance)) : [];
  return [...byPrograms, ...(await readConntrackFlows(pods, { networkNamespace: namespaceOf(status) }))];
}

/** Lines for people. */
export function plannedFlowLines({ judged, why, cut }: PlannedFlows): readonly string[] {
  if (judged === null) return [`open flows: not known (${why})`];
  return [
    `open flows: ${cut.length} of ${judged} would be cut`,
    ...cut.map((flow) => `  - ${cutFlowText(flow)}`),
  ];
}
