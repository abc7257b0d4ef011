/** `weir lab …`: a cluster of network namespaces on this machine. */
import { delimiter, resolve } from 'node:path';
import { askAgent } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import type { RowsJson } from '../agent/rows-json.ts';
import {
  type LabChangeResult,
  type LabServer,
  type LabStatus,
  labApply,
  labDelete,
  labDown,
  labExec,
  labProbe,
  labStatus,
  labUp,
} from '../lab/lab.ts';
import { requireRoot, usageFailure } from './exit.ts';
import { labStatusText } from './lab-status-text.ts';
import { tellProblems } from './offline-cluster.ts';
import { print, printJson, progress } from './output.ts';
import { type PoolFlags, poolOptions } from './pool-flags.ts';
import { type ProbeFlags, readRequests } from './probe-input.ts';
import { probeText } from './probe-text.ts';

interface ServerFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

interface LabFlags {
  readonly name: string;
  readonly json?: true;
}

/** Makes the cluster; returns when every agent has synced. Ctrl-C takes down what was made; a second one ends at once. */
export async function up(
  flags: LabFlags & PoolFlags & ServerFlags & { readonly manifests: readonly string[] },
): Promise<void> {
  const { loadBalancerPools } = poolOptions(flags);
  const server = serverOf(flags);
  needRoot();
  const { name, manifests } = flags;
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  const result = await labUp({
    name,
    manifests,
    loadBalancerPools,
    server,
    onStep: progress,
    signal: interruption.signal,
  });
  tellChange(flags, result, 'is up');
}

/** Adds and changes objects; returns when the change is in the kernel. */
export async function apply(flags: LabFlags & { readonly filename: readonly string[] }): Promise<void> {
  needRoot();
  tellChange(
    flags,
    await labApply({ name: flags.name, paths: flags.filename, onStep: progress }),
    'has changed',
  );
}

/** Deletes the objects that the manifests name; returns when the change is in the kernel. */
export async function remove(flags: LabFlags & { readonly filename: readonly string[] }): Promise<void> {
  needRoot();
  tellChange(
    flags,
    await labDelete({ name: flags.name, paths: flags.filename, onStep: progress }),
    'has changed',
  );
}

/** Prints a line per probe; exit code 1 when one could not be asked, whatever the verdicts. */
export async function probe(flags: LabFlags & ProbeFlags & { readonly count: string }): Promise<void> {
  if (!/^[1-9]\d*$/.test(flags.count)) throw usageFailure(`--count ${flags.count}: write a number from 1`);
  const requests = readRequests(flags);
  needRoot();
  const lines = await labProbe({ name: flags.name, requests, count: Number(flags.count) });
  if (flags.json) for (const line of lines) print(JSON.stringify(line));
  else print(probeText(lines));
  if (lines.some((line) => 'error' in line)) process.exitCode = 1;
}

/** Runs a command as a pod, a node or the external client; its exit code becomes ours. */
export async function exec(who: string, argv: readonly string[], flags: LabFlags): Promise<void> {
  needRoot();
  process.exitCode = await labExec({ name: flags.name, who, argv });
}

/** Prints nodes, pods, Services and all problems; exit code 1 when something of it does not run. */
export async function status(flags: LabFlags): Promise<void> {
  needRoot();
  const lab = await labStatus({ name: flags.name });
  const services = await servicesOf(lab);
  if (flags.json) printJson({ ...lab, services });
  else print(labStatusText(lab, services));
  const agents = lab.nodes.flatMap(({ agent }) => agent ?? []);
  const isWhole = agents.every((agent) => agent.status !== null) && lab.pods.every((pod) => pod.running);
  if (!isWhole) process.exitCode = 1;
}

/** Removes the lab with everything it made. */
export async function down(flags: LabFlags): Promise<void> {
  needRoot();
  const result = await labDown({ name: flags.name, onStep: progress });
  if (flags.json) printJson(result);
  else print(`lab ${flags.name} is gone`);
}

/** Absolute: later commands run elsewhere. */
function serverOf({ kubeconfig, context }: ServerFlags): LabServer | null {
  if (kubeconfig === undefined) {
    if (context === undefined) return null;
    throw usageFailure('--context names a context of --kubeconfig; give both');
  }
  const files = kubeconfig.split(delimiter).map((file) => resolve(file));
  return { kubeconfig: files.join(delimiter), context: context ?? null };
}

function needRoot(): void {
  requireRoot('the lab makes network namespaces');
}

function tellChange(flags: LabFlags, result: LabChangeResult, what: string): void {
  if (flags.json) {
    printJson(result);
    return;
  }
  tellProblems(result.problems);
  for (const note of result.notes) process.stderr.write(`note: ${note}\n`);
  print(`lab ${result.name} ${what}: ${result.nodes} nodes, ${result.pods} pods`);
}

/** Services as the first node that answers has them. */
async function servicesOf(lab: LabStatus): Promise<RowsJson['services']> {
  for (const { agent } of lab.nodes) {
    if (agent === null || agent.status === null) continue;
    const rows = (await askAgent(controlSocketPath(agent.instance), 'GET', '/rows')) as RowsJson;
    return rows.services;
  }
  return [];
}
