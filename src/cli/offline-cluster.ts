/** Manifests completed without a running agent: what plan and trace work on. */
import { existsSync } from 'node:fs';
import { problemLine } from '../agent/problem-log.ts';
import { completeObjects } from '../cluster/complete.ts';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import { type ClusterOptions, DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import { type Manifests, readManifests } from '../source/manifests.ts';
import { CommandFailure } from './exit.ts';

export interface OfflineCluster {
  readonly objects: readonly WeirObject[];
  readonly problems: readonly Problem[];
  /** Everything as written. */
  readonly documents: Manifests['documents'];
}

/**
 * Reads and completes manifests as the standalone control plane does; `options` are those an agent was given, `memory`
 * is what it remembers.
 * @throws CommandFailure when a path does not exist
 */
export async function readCluster(
  paths: readonly string[],
  options: Partial<ClusterOptions> = {},
  memory: ControlPlaneMemory | null = null,
): Promise<OfflineCluster> {
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length > 0) {
    const message = `${missing.join(', ')}: no such file or folder; name the manifests to read`;
    throw new CommandFailure(message, { exitCode: 1 });
  }
  const read = await readManifests(paths);
  const completed = completeObjects(read.objects, { ...DEFAULT_CLUSTER_OPTIONS, ...options }, memory);
  const problems = [...read.problems, ...completed.problems];
  return { objects: completed.objects, problems, documents: read.documents };
}

/** Tells problems on stderr, a line each. */
export function tellProblems(problems: readonly Problem[]): void {
  for (const problem of problems) process.stderr.write(`${problem.severity}: ${problemLine(problem)}\n`);
}
