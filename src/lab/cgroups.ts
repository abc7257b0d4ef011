/** The cgroups of a lab's pods. Only directories below the lab's own cgroup are ever touched. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { CGROUP_ROOT } from './lab-names.ts';

/** Whether this machine has the cgroup2 hierarchy where pods' processes can be put. */
export function hasCgroups(): boolean {
  return existsSync(`${CGROUP_ROOT}/cgroup.procs`);
}

/** Parents first. */
export function addCgroups(paths: readonly string[]): void {
  for (const path of paths) mkdirSync(path, { recursive: true });
}

/** Process ids in the cgroup and below it. */
export function processesIn(path: string): readonly number[] {
  if (!existsSync(path)) return [];
  const own = readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  return [...own, ...children(path).flatMap(processesIn)];
}

/** Removes the cgroup with all below it; a process that is still dying is no error, the caller tries again. */
export function removeCgroup(path: string): boolean {
  if (!existsSync(path)) return true;
  const emptied = children(path).map(removeCgroup).every(Boolean);
  try {
    rmdirSync(path);
  } catch {
    return false;
  }
  return emptied;
}

function children(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}
