/** `weir plan`: what would change in the kernel if these manifests were all there is. */
import { defaultCompileOptions } from '../agent/configuration.ts';
import { askAgent, ControlError } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { NO_POLICY_ROWS } from '../agent/policy-pipeline.ts';
import { policyRowsFromJson, type RowsJson, rowsFromJson } from '../agent/rows-json.ts';
import type { AgentStatus } from '../agent/status.ts';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import { compilePolicies } from '../compile/policies/compiler.ts';
import { createServiceCompiler } from '../compile/services/compiler.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import { compareText, type NodeName, objectName } from '../model/names.ts';
import type { WeirObject } from '../model/objects.ts';
import { nodeAddresses, probeTargets } from '../model/probe-targets.ts';
import { type PlanReport, planLines, planReport } from '../plan/plan-report.ts';
import { isEmptyPolicyPlan, type PolicyNames, type PolicyPlan, policyPlan } from '../plan/policy-plan.ts';
import { policyPlanLines } from '../plan/policy-plan-text.ts';
import { diffRows } from '../plan/rows-diff.ts';
import { createWorld } from '../world/world.ts';
import { clusterOptionsOf, readMemory } from './agent-cluster.ts';
import { CommandFailure } from './exit.ts';
import { checkInstance } from './instance.ts';
import { readCluster, tellProblems } from './offline-cluster.ts';
import { print, printJson } from './output.ts';
import { type PlannedAgent, type PlannedFlows, planFlows, plannedFlowLines } from './plan-flows.ts';
import type { PoolFlags } from './pool-flags.ts';

export interface PlanFlags extends PoolFlags {
  readonly manifests: readonly string[];
  readonly node?: string;
  readonly instance: string;
  readonly json?: true;
}

interface Installed extends PlannedAgent {
  /** What its control plane chose and was given; null: it has none. */
  readonly memory: ControlPlaneMemory | null;
}

/**
 * Compares with the running agent's rows, by its options; without an agent with an empty kernel, by the defaults. Exit
 * code 1 where an agent runs whose open flows can't be read.
 */
export async function plan(flags: PlanFlags): Promise<void> {
  const socket = controlSocketPath(checkInstance(flags.instance));
  const installed = await askInstalled(socket, flags.node);
  // What is allowed, and given where manifests leave it out, follows from the agent's own ranges and choices.
  const clusterOptions = clusterOptionsOf(installed?.status ?? null, flags);
  const { objects, problems } = await readCluster(flags.manifests, clusterOptions, installed?.memory ?? null);
  const options = installed?.status.options ?? defaultCompileOptions(chooseNode(flags.node, objects));
  const compiled = compileManifests(objects, options);
  const services = planReport(diffRows(installed?.rows ?? compiled.noRows, compiled.rows), {
    observed: installed?.rows ?? compiled.noRows,
  });
  const names = namesOf(objects);
  const policies = policyPlan(installed?.policyRows ?? NO_POLICY_ROWS, compiled.policyRows, names);
  const flows =
    installed === null
      ? { judged: null, why: 'without an agent', cut: [] }
      : await planFlows(installed, compiled.policyRows, names.pods);
  if (installed !== null && flows.judged === null) process.exitCode = 1;
  const found = [...problems, ...compiled.problems];
  if (!flags.json) tellProblems(found);
  const report: WholePlan = {
    planned: options.node,
    instance: flags.instance,
    against: installed === null ? 'nothing' : 'agent',
    services,
    policies,
    flows,
  };
  if (flags.json) printJson({ ...planJson(report), problems: found });
  else print(planText(report).join('\n'));
}

/** All that a plan says. */
interface WholePlan {
  readonly planned: NodeName;
  readonly instance: string;
  readonly against: 'agent' | 'nothing';
  readonly services: PlanReport;
  readonly policies: PolicyPlan;
  readonly flows: PlannedFlows;
}

function planJson({ planned, against, services, policies, flows }: WholePlan) {
  const { rows, ...policyFacts } = policies;
  const { cut, ...known } = flows;
  const empty = planLines(services).length === 0 && isEmptyPolicyPlan(policies);
  return { planned, against, empty, ...services, ...policyFacts, policyRows: rows, flows: known, cut };
}

function planText({ planned, instance, against, services, policies, flows }: WholePlan): readonly string[] {
  const compared =
    against === 'agent'
      ? 'the rows of the running agent'
      : `an empty kernel (no agent of instance ${instance} answers for this node)`;
  const lines = [...planLines(services), ...policyPlanLines(policies)];
  return [
    `Plan for node ${planned}, against ${compared}:`,
    ...(lines.length === 0 ? ['Nothing to change: the installed rows are the wanted ones.'] : lines),
    ...plannedFlowLines(flows),
  ];
}

/** `noRows`: those of a node that has nothing yet. */
function compileManifests(objects: readonly WeirObject[], options: CompileOptions) {
  const compiler = createServiceCompiler(options);
  const noRows = compiler.rows();
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const services = compiler.update(world.view, 'everything');
  const policies = compilePolicies(world.view, options.node);
  return {
    noRows,
    rows: compiler.rows(),
    policyRows: policies.rows,
    problems: [...services.problems, ...policies.problems],
  };
}

/** Who will have which address. */
function namesOf(objects: readonly WeirObject[]): PolicyNames {
  const { podByAddress, nodes } = probeTargets(objects);
  const named = [...podByAddress].map(
    ([address, { namespace, name }]) => [address, objectName(namespace, name)] as const,
  );
  const ofNodes = [...nodes.values()].flatMap((node) =>
    nodeAddresses(node).map((address) => [address, node.name] as const),
  );
  return { pods: new Map(named), nodes: new Map(ofNodes) };
}

/** null: no agent to compare with, or it is another node's. */
async function askInstalled(socket: string, node: string | undefined): Promise<Installed | null> {
  try {
    const status = (await askAgent(socket, 'GET', '/status')) as AgentStatus;
    if (node !== undefined && status.node !== node) return null;
    const rows = (await askAgent(socket, 'GET', '/rows')) as RowsJson;
    return {
      socket,
      status,
      memory: await readMemory(status.allocationFile),
      rows: rowsFromJson(rows),
      policyRows: policyRowsFromJson(rows),
    };
  } catch (error) {
    if (error instanceof ControlError && error.code === 'not-running') return null;
    throw error;
  }
}

function chooseNode(wanted: string | undefined, objects: readonly WeirObject[]): NodeName {
  const nodes = objects.flatMap((object) => (object.kind === 'Node' ? [object.name] : [])).sort(compareText);
  if (wanted === undefined) return (nodes[0] ?? '') as NodeName;
  if (nodes.includes(wanted)) return wanted as NodeName;
  const message = `--node ${wanted}: no such node; the manifests have ${nodes.join(', ') || 'none'}`;
  throw new CommandFailure(message, { exitCode: 1 });
}
