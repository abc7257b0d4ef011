/** `weir trace`: where a connection goes and why, from manifests alone; with --kernel and --live an agent's node is asked too. */
import { defaultCompileOptions } from '../agent/configuration.ts';
import { problemLine } from '../agent/problem-log.ts';
import type { AgentStatus } from '../agent/status.ts';
import { disagreementText, type KernelAnswer } from '../explain/kernel-answer.ts';
import { type TraceInput, traceManifests } from '../explain/trace.ts';
import { type KernelTraceAnswer, type KernelTraceLine, traceKernel } from '../explain/trace-kernel.ts';
import type { TraceLine } from '../explain/trace-line.ts';
import { type LiveAnswer, type LiveTraceLine, traceLive } from '../explain/trace-live.ts';
import type { Address } from '../model/address.ts';
import { type NodeName, type ObjectName, objectName } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import type { ProbeFailure } from '../model/probe-request.ts';
import { clusterOptionsOf, readMemory } from './agent-cluster.ts';
import { type AskedAgent, withAgentKernel } from './agent-kernel.ts';
import { usageFailure } from './exit.ts';
import { withLiveAgent } from './live-agent.ts';
import { readCluster, tellProblems } from './offline-cluster.ts';
import { print, table } from './output.ts';
import type { PoolFlags } from './pool-flags.ts';
import { type ProbeFlags, readRequests } from './probe-input.ts';

export interface TraceFlags extends ProbeFlags, PoolFlags {
  readonly manifests: readonly string[];
  readonly masqueradePods: boolean;
  readonly kernel?: true;
  readonly live?: true;
  /** Whose kernel --kernel and --live ask. */
  readonly instance: string;
  readonly json?: true;
}

/**
 * Prints a line per probe (JSON lines with --json); exit code 1 when one could not be answered, or with --kernel when
 * kernel and rows disagree. @throws CommandFailure where the agent or its kernel can't be asked
 */
export async function trace(flags: TraceFlags): Promise<void> {
  if (flags.kernel && flags.live) throw usageFailure('trace: ask with --kernel or with --live, not both');
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
  const lines = await answersTo(flags, inputFor);
  tellProblems([...found.values()]);
  if (flags.json) for (const line of lines) print(JSON.stringify(line));
  else print(traceText(lines));
  if (lines.some((line) => 'error' in line)) process.exitCode = 1;
}

function answersTo(
  { kernel, live, instance }: TraceFlags,
  inputFor: (status: AgentStatus | null) => Promise<TraceInput>,
): Promise<readonly AnyTraceLine[]> {
  if (kernel)
    return withAgentKernel(instance, async (agent) => askKernel(agent, await inputFor(agent.status)));
  if (live)
    return withLiveAgent(instance, async ({ status, ...agent }) =>
      traceLive({ ...(await inputFor(status)), ...agent }),
    );
  return inputFor(null).then(traceManifests);
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

type AnyTraceLine = TraceLine | KernelTraceLine | LiveTraceLine;

function traceText(lines: readonly AnyTraceLine[]): string {
  const rows = lines.map((line) => {
    const where = line.address === null ? '' : `${line.address} ${line.port ?? ''}`.trim();
    if ('error' in line) return [line.from, line.to, where, 'error', line.error];
    return [line.from, line.to, where, line.verdict, whyText(line)];
  });
  return table(['from', 'to', 'address', 'verdict', 'why'], rows);
}

function whyText(line: Exclude<AnyTraceLine, ProbeFailure>): string {
  if ('live' in line) return line.live === null ? line.why : `${line.why}; next by ${liveText(line.live)}`;
  return 'kernel' in line ? whyWithKernel(line) : line.why;
}

function liveText({ by, why }: LiveAnswer): string {
  return `${by === 'sockets' ? 'the socket' : 'the packet'}: ${why}`;
}

function whyWithKernel({ why, kernel }: KernelTraceAnswer): string {
  if (kernel.length === 0) return why;
  return `${why}; ${kernel.every(({ agrees }) => agrees) ? 'the kernel agrees' : 'THE KERNEL DISAGREES'}`;
}
