/** `weir plan`: what would change in the kernel if these manifests were all there is. */
import { defaultCompileOptions } from '../agent/configuration.ts';
import { askAgent, ControlError } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { type RowsJson, rowsFromJson } from '../agent/rows-json.ts';
import type { AgentStatus } from '../agent/status.ts';
import type { AddressPool } from '../cluster/address-pool.ts';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import { createServiceCompiler } from '../compile/services/compiler.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import { compareText, type NodeName } from '../model/names.ts';
import type { WeirObject } from '../model/objects.ts';
import type { Rows } from '../model/rows.ts';
import { planReport, planText } from '../plan/plan-report.ts';
import { diffRows } from '../plan/rows-diff.ts';
import { createWorld } from '../world/world.ts';
import { clusterOptionsOf, readMemory } from './agent-cluster.ts';
import { CommandFailure } from './exit.ts';
import { checkInstance } from './instance.ts';
import { readCluster, tellProblems } from './offline-cluster.ts';
import { printJson } from './output.ts';
import type { PoolFlags } from './pool-flags.ts';

export interface PlanFlags extends PoolFlags {
  readonly manifests: readonly string[];
  readonly node?: string;
  readonly instance: string;
  readonly json?: true;
}

interface Installed {
  readonly options: CompileOptions;
  readonly loadBalancerPools: readonly AddressPool[];
  /** What its control plane chose and was given; null: it has none. */
  readonly memory: ControlPlaneMemory | null;
  readonly rows: Rows;
}

/** Compares with the running agent's rows, by its options; without an agent with an empty kernel, by the defaults. */
export async function plan(flags: PlanFlags): Promise<void> {
  const socket = controlSocketPath(checkInstance(flags.instance));
  const installed = await askInstalled(socket, flags.node);
  // What is allowed, and given where manifests leave it out, follows from the agent's own ranges and choices.
  const clusterOptions = clusterOptionsOf(installed, flags);
  const { objects, problems } = await readCluster(flags.manifests, clusterOptions, installed?.memory ?? null);
  const options = installed?.options ?? defaultCompileOptions(chooseNode(flags.node, objects));
  const compiler = createServiceCompiler(options);
  const observed = installed?.rows ?? compiler.rows();
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const found = compiler.update(world.view, 'everything').problems;
  const change = diffRows(observed, compiler.rows());
  const against = installed === null ? 'nothing' : 'agent';
  const { node } = options;
  if (flags.json) {
    printJson({
      planned: node,
      against,
      ...planReport(change, { observed }),
      problems: [...problems, ...found],
    });
    return;
  }
  tellProblems([...problems, ...found]);
  const compared =
    against === 'agent' ? 'the rows of the running agent' : 'an empty kernel (no agent answers)';
  process.stdout.write(`Plan for node ${node}, against ${compared}:\n${planText(change, { observed })}`);
}

/** null: no agent to compare with, or it is another node's. */
async function askInstalled(socket: string, node: string | undefined): Promise<Installed | null> {
  try {
    const status = (await askAgent(socket, 'GET', '/status')) as AgentStatus;
    if (node !== undefined && status.node !== node) return null;
    const rows = rowsFromJson((await askAgent(socket, 'GET', '/rows')) as RowsJson);
    const { options, loadBalancerPools } = status;
    return { options, loadBalancerPools, memory: await readMemory(status.allocationFile), rows };
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
