/** Takes a lab down, whole or half-made, and leaves nothing behind. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeAgentFiles } from './agents.ts';
import { processesIn, removeCgroup } from './cgroups.ts';
import type { OnStep } from './change-lab.ts';
import { LabError } from './lab-error.ts';
import { labCgroup, labDirectory, NETNS_DIRECTORY } from './lab-names.ts';
import { removeNamespaces } from './network.ts';
import { endProcesses, processesInNamespaces, processesWithArgument } from './processes.ts';
import { relaySocket } from './server/relay.ts';
import { clearServer } from './server/server-store.ts';
import { findState, type LabState, labNames } from './state.ts';

const CGROUP_TRIES = 100;
const CGROUP_WAIT_MS = 10;

export interface LabDownResult {
  readonly name: string;
  /** false: there was nothing to take down. */
  readonly existed: boolean;
  readonly namespaces: number;
  readonly processes: number;
}

/** Removes everything of the lab; the caller holds its lock. */
export async function takeDown(lab: string, onStep: OnStep): Promise<LabDownResult> {
  const state = readableState(lab);
  const names = namespacesOf(lab, state);
  const cgroup = labCgroup(lab);
  const existed = existsSync(labDirectory(lab)) || names.length > 0 || existsSync(cgroup);
  const pids = [...processesOf(names, cgroup), ...processesWithArgument(relaySocket(lab))];
  if (existed) onStep(`ending ${pids.length} processes, removing ${names.length} network namespaces`);
  await endProcesses(pids);
  await removeNamespaces(names);
  await removeCgroupSoon(cgroup);
  for (const agent of state?.plan.agents ?? []) removeAgentFiles(agent);
  rmSync(labDirectory(lab), { recursive: true, force: true });
  // Last: a server that is away keeps nothing else from being removed.
  if (state?.server) await clearServer(state.server, lab);
  return { name: lab, existed, namespaces: names.length, processes: pids.length };
}

function readableState(lab: string): LabState | undefined {
  try {
    return findState(lab);
  } catch {
    // Names tell what belongs to it.
    return undefined;
  }
}

function namespacesOf(lab: string, state: LabState | undefined): readonly string[] {
  const existing = existsSync(NETNS_DIRECTORY) ? readdirSync(NETNS_DIRECTORY) : [];
  if (state !== undefined) {
    const planned = new Set(state.plan.namespaces.map(({ name }) => name));
    return existing.filter((name) => planned.has(name));
  }
  // `a` and `a-n-b` could both be meant by a name: what another lab has is never taken.
  const others = new Set(
    labNames()
      .filter((name) => name !== lab)
      .flatMap((name) => readableState(name)?.plan.namespaces.map((each) => each.name) ?? []),
  );
  const pattern = new RegExp(`^weir-${lab}-(external$|underlay$|n-|p-)`);
  return existing.filter((name) => pattern.test(name) && !others.has(name));
}

function processesOf(namespaces: readonly string[], cgroup: string): readonly number[] {
  const pids = new Set([...processesInNamespaces(namespaces), ...processesIn(cgroup)]);
  pids.delete(process.pid);
  return [...pids];
}

// A cgroup stays busy for a moment after its last process was seen to end, and a command that was just being started
// in it shows up late.
async function removeCgroupSoon(path: string): Promise<void> {
  for (let attempt = 0; attempt < CGROUP_TRIES; attempt++) {
    if (removeCgroup(path)) return;
    await endProcesses(processesIn(path).filter((pid) => pid !== process.pid));
    await sleep(CGROUP_WAIT_MS);
  }
  throw new LabError('failed', `${path} cannot be removed: processes are still in it`);
}
