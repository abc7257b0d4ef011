/** `weir trace`: where a connection goes and why, from manifests alone; with --kernel asked of an agent's node too. */
import { defaultCompileOptions } from '../agent/configuration.ts';
import { problemLine } from '../agent/problem-log.ts';
import type { AgentStatus } from '../agent/status.ts';
import { disagreementText, type KernelAnswer } from '../explain/kernel-answer.ts';
import { type TraceInput, traceManifests } from '../explain/trace.ts';
import { type KernelTraceAnswer, type KernelTraceLine, traceKernel } from '../explain/trace-kernel.ts';
import type { TraceLine } from '../explain/trace-line.ts';
import type { Address } from '../model/address.ts';
import { type NodeName, type ObjectName, objectName } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import { clusterOptionsOf, readMemory } from './agent-cluster.ts';
import { type AskedAgent, withAgentKernel } from './agent-kernel.ts';
import { readCluster, tellProblems } from './offline-cluster.ts';
import { print, table } from './output.ts';
import type { PoolFlags } from './pool-flags.ts';
import { type ProbeFlags, readRequests } from './probe-input.ts';

export interface TraceFlags extends ProbeFlags, PoolFlags {
  readonly manifests: readonly string[];
  readonly masqueradePods: boolean;
  readonly kernel?: true;
  /** Whose kernel --kernel asks. */
  readonly instance: string;
  readonly json?: true;
}

/**
 * Prints a line per probe (JSON lines with --json); exit code 1 when one could not be answered, or with --kernel when
 * kernel and rows disagree.
 */
export async function trace(flags: TraceFlags): Promise<void> {
  const requests = readRequests(flags);
  // A policy that selects pods of several nodes has the same problem at each.
  const found = new Map<string, Problem>();
  const inputFor = async (status: AgentStatus | null): Promise<TraceInput> => {
    const memory = status === null ? null : await readMemory(status.allocationFile);
    const read = await readCluster(flags.manifests, clusterOptionsOf(status, flags), memory);
    tellProblems(read.problems);
    const byDefault = { ...defaultCompileOptions('' as NodeName), masqueradePods: flags.masqueradePods };
    return {
      objects: read.objects,
      requests,
      options: { compile: status?.options ?? byDefault, node: (flags.node ?? null) as NodeName | null },
      onProblems(ofNode) {
        for (const problem of ofNode) found.set(problemLine(problem), problem);
      },
    };
  };
  const lines = flags.kernel
    ? await withAgentKernel(flags.instance, async (agent) => askKernel(agent, await inputFor(agent.status)))
    : traceManifests(await inputFor(null));
  tellProblems([...found.values()]);
  if (flags.json) for (const line of lines) print(JSON.stringify(line));
  else print(traceText(lines));
  if (lines.some((line) => 'error' in line)) process.exitCode = 1;
}

/** Tells on stderr, a line each, where the kernel disagrees. */
async function askKernel({ ask }: AskedAgent, input: TraceInput): Promise<readonly KernelTraceLine[]> {
  const lines = await ask(
    (rows, rehearsal) => traceKernel({ ...input, ...rows, rehearsal }),
    (answers) => answersOf(answers).some(({ agrees }) => !agrees),
  );
  const answers = answersOf(lines);
  const names = podNames(input.objects);
  for (const answer of answers.filter(({ agrees }) => !agrees)) {
    process.stderr.write(`${disagreementText(answer, (address) => names.get(address))}\n`);
    process.exitCode = 1;
  }
  if (answers.length === 0)
    process.stderr.write('the kernel was not asked: policies judge none of this on the agent’s node\n');
  return lines;
}

function answersOf(lines: readonly KernelTraceLine[]): readonly KernelAnswer[] {
  return lines.flatMap((line) => ('error' in line ? [] : line.kernel));
}

function podNames(objects: readonly WeirObject[]): ReadonlyMap<Address, ObjectName> {
  const pods = objects.filter((object) => object.kind === 'Pod');
  const own = pods.filter(({ hostNetwork }) => !hostNetwork);
  return new Map(
    own.flatMap(({ namespace, name, addresses }) =>
      addresses.map((address) => [address, objectName(namespace, name)] as const),
    ),
  );
}

function traceText(lines: readonly (TraceLine | KernelTraceLine)[]): string {
  const rows = lines.map((line) => {
    const where = line.address === null ? '' : `${line.address} ${line.port ?? ''}`.trim();
    if ('error' in line) return [line.from, line.to, where, 'error', line.error];
    return [line.from, line.to, where, line.verdict, 'kernel' in line ? whyWithKernel(line) : line.why];
  });
  return table(['from', 'to', 'address', 'verdict', 'why'], rows);
}

function whyWithKernel({ why, kernel }: KernelTraceAnswer): string {
  if (kernel.length === 0) return why;
  return `${why}; ${kernel.every(({ agrees }) => agrees) ? 'the kernel agrees' : 'THE KERNEL DISAGREES'}`;
}
