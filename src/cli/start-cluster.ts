/** The lab of `weir start`: brought up, kept like the folder, asked, and taken down. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemLine } from '../agent/problem-log.ts';
import { labApply, labDelete, labDown, labProbe, labStatus, labUp } from '../lab/lab.ts';
import { labDirectory } from '../lab/lab-names.ts';
import { labNames } from '../lab/state.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import type { ParsedRequest, ProbeLine } from '../model/probe-request.ts';
import { CommandFailure } from './exit.ts';
import { agentProblems } from './lab-status-text.ts';
import { type ManifestFolder, openManifestFolder } from './manifest-folder.ts';
import { progress } from './output.ts';
import { openReplica } from './replica.ts';

const MOST_TAKE_DOWNS = 3;

export interface StartCluster {
  /** As the agents have them. */
  objects(): readonly WeirObject[];
  /** Makes the lab like the folder again; what is wrong in the folder is told by `notes`, not thrown. */
  follow(): Promise<void>;
  probe(requests: readonly ParsedRequest[]): Promise<readonly ProbeLine[]>;
  /** Lines for people: what the last change did, and every problem there is. */
  notes(): readonly string[];
  down(): Promise<void>;
}

/**
 * Brings the folder up as a lab, after removing what a killed run may have left of it.
 * @throws CommandFailure when another `weir start` of this name runs; LabError where the lab can't be made
 */
export async function bringUp(name: string, folder: string): Promise<StartCluster> {
  await removeLeftover(name);
  const watched = await openManifestFolder(folder);
  const brought = await labUp({ name, manifests: [folder], onStep: progress });
  try {
    writeFileSync(pidFileOf(name), String(process.pid));
    return await follower(name, folder, watched, brought.problems);
  } catch (error) {
    await takeDown(name);
    throw error;
  }
}

async function follower(
  name: string,
  folder: string,
  watched: ManifestFolder,
  found: readonly Problem[],
): Promise<StartCluster> {
  const replica = await openReplica((await labStatus({ name })).objects);
  let changed: string | null = null;
  let problems = found;
  let inAgents = agentProblems(await labStatus({ name }));
  return {
    objects: () => replica.objects(),
    async follow() {
      const started = performance.now();
      try {
        problems = (await labApply({ name, paths: [folder] })).problems;
        const removed = await watched.removedSince();
        if (removed.length > 0) await deleteObjects(name, removed);
        changed = `applied ${new Date().toLocaleTimeString()} in ${Math.round(performance.now() - started)} ms`;
      } catch (error) {
        changed = `not applied: ${error instanceof Error ? error.message : String(error)}`;
      }
      await replica.refresh();
      inAgents = agentProblems(await labStatus({ name }));
    },
    probe: (requests) => labProbe({ name, requests }),
    notes: () => [...(changed === null ? [] : [changed]), ...problemLines([...problems, ...inAgents])],
    async down() {
      await replica.stop();
      await takeDown(name);
    },
  };
}

/** Ctrl-C in a terminal also ends the programs that take the lab down: what one left is removed by the next try. */
async function takeDown(name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await labDown({ name, onStep: progress });
      return;
    } catch (error) {
      if (attempt === MOST_TAKE_DOWNS) throw error;
      progress(`once more, since ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function removeLeftover(name: string): Promise<void> {
  if (!labNames().includes(name)) return;
  const pid = runningPid(name);
  if (pid !== null) {
    const message = `lab ${name} belongs to a \`weir start\` that runs (pid ${pid})`;
    throw new CommandFailure(`${message}; end it, or give this one another --name`, { exitCode: 1 });
  }
  progress(`removing what an earlier run left of lab ${name}`);
  await takeDown(name);
}

function runningPid(name: string): number | null {
  try {
    const pid = Number(readFileSync(pidFileOf(name), 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch {
    // No file, or no such process: nobody owns the lab any more.
    return null;
  }
}

function pidFileOf(name: string): string {
  return `${labDirectory(name)}/start.pid`;
}

async function deleteObjects(name: string, items: readonly unknown[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-start-'));
  try {
    const file = join(directory, 'removed.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await labDelete({ name, paths: [file] });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The person's own files come first; agents tell the same of their copies. */
function problemLines(problems: readonly Problem[]): readonly string[] {
  const told = new Map<string, string>();
  for (const problem of problems) {
    const { kind, namespace, name } = problem.object;
    const key = JSON.stringify([kind, namespace, name, problem.field, problem.reason]);
    if (!told.has(key)) told.set(key, `${problem.severity}: ${problemLine(problem)}`);
  }
  return [...told.values()];
}
