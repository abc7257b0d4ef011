/** Processes as /proc shows them: who is in a lab's namespaces, and how they are ended. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NETNS_DIRECTORY } from './lab-names.ts';

const POLL_MS = 5;
const PATIENCE_MS = 3000;

/** Ids of all processes whose network namespace is one of these. */
export function processesInNamespaces(names: readonly string[]): readonly number[] {
  const links = new Set(names.map(namespaceLink).filter((link) => link !== undefined));
  if (links.size === 0) return [];
  return processIds().filter((pid) => links.has(linkOf(pid)));
}

/** Ids of all processes whose command line has this argument. */
export function processesWithArgument(argument: string): readonly number[] {
  return processIds().filter((pid) => commandLineOf(pid).includes(argument));
}

/** Whether the process runs (a zombie does not). */
export function isRunning(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** Start time in clock ticks since boot: with the id it names a process for ever. */
export function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.startTime;
}

/** Asks processes to end, and ends those that don't within three seconds. Resolves when all are gone. */
export async function endProcesses(pids: readonly number[]): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of pids) if (isRunning(pid)) send(pid, signal);
    const until = performance.now() + PATIENCE_MS;
    while (pids.some(isRunning) && performance.now() < until) await sleep(POLL_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function namespaceLink(name: string): string | undefined {
  const stats = statSync(`${NETNS_DIRECTORY}/${name}`, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `net:[${stats.ino}]`;
}

function processIds(): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function commandLineOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function linkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}

function statOf(pid: number): { readonly state: string; readonly startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, so counting starts behind it, at field 3.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
