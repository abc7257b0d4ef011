/** `weir trace`: where a connection goes and why, from manifests alone. */
import { defaultCompileOptions } from '../agent/configuration.ts';
import { problemLine } from '../agent/problem-log.ts';
import { traceManifests } from '../explain/trace.ts';
import type { TraceLine } from '../explain/trace-line.ts';
import type { NodeName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import { readCluster, tellProblems } from './offline-cluster.ts';
import { print, table } from './output.ts';
import { type PoolFlags, poolOptions } from './pool-flags.ts';
import { type ProbeFlags, readRequests } from './probe-input.ts';

export interface TraceFlags extends ProbeFlags, PoolFlags {
  readonly manifests: readonly string[];
  readonly masqueradePods: boolean;
  readonly json?: true;
}

/** Prints a line per probe (JSON lines with --json); exit code 1 when one could not be answered. */
export async function trace(flags: TraceFlags): Promise<void> {
  const requests = readRequests(flags);
  const { objects, problems } = await readCluster(flags.manifests, poolOptions(flags));
  tellProblems(problems);
  const compile = { ...defaultCompileOptions('' as NodeName), masqueradePods: flags.masqueradePods };
  const node = (flags.node ?? null) as NodeName | null;
  // A policy that selects pods of several nodes has the same problem at each.
  const found = new Map<string, Problem>();
  const lines = traceManifests({
    objects,
    requests,
    options: { compile, node },
    onProblems(ofNode) {
      for (const problem of ofNode) found.set(problemLine(problem), problem);
    },
  });
  tellProblems([...found.values()]);
  if (flags.json) for (const line of lines) print(JSON.stringify(line));
  else print(traceText(lines));
  if (lines.some((line) => 'error' in line)) process.exitCode = 1;
}

function traceText(lines: readonly TraceLine[]): string {
  const rows = lines.map((line) => {
    const where = line.address === null ? '' : `${line.address} ${line.port ?? ''}`.trim();
    if ('error' in line) return [line.from, line.to, where, 'error', line.error];
    return [line.from, line.to, where, line.verdict, line.why];
  });
  return table(['from', 'to', 'address', 'verdict', 'why'], rows);
}
