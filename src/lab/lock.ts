/** One command at a time changes a lab. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, LabError } from './lab-error.ts';
import { LABS_DIRECTORY } from './lab-names.ts';
import { startTimeOf } from './processes.ts';

const POLL_MS = 25;
const PATIENCE_MS = 120_000;

/**
 * Runs `work` while no other process changes this lab. A lock whose owner has died is taken over.
 * @throws LabError (failed) if another process holds the lock for two minutes; whatever `work` throws
 */
export async function withLock<Result>(lab: string, work: () => Promise<Result>): Promise<Result> {
  const path = `${LABS_DIRECTORY}/${lab}.lock`;
  const until = performance.now() + PATIENCE_MS;
  while (!take(path)) {
    const holder = read(path);
    if (holder !== undefined && !isAlive(holder)) {
      removeStale(path, holder);
      continue;
    }
    if (performance.now() > until) {
      throw new LabError('failed', `lab ${lab} is being changed by process ${holder?.split(' ')[0]}`);
    }
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

// A link appears with its content, unlike a file that is created and then written.
function take(path: string): boolean {
  const own = `${path}.${process.pid}`;
  try {
    mkdirSync(LABS_DIRECTORY, { recursive: true });
    writeFileSync(own, `${process.pid} ${startTimeOf(process.pid)}`);
    linkSync(own, path);
    return true;
  } catch (error) {
    // ENOENT: the last lab was just taken down, and the directory with it.
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

// Another waiter may have taken over since the lock was read: what was moved away is looked at again.
function removeStale(path: string, holder: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (read(aside) !== holder) linkSync(aside, path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isAlive(holder: string): boolean {
  const [pid = '', startTime = ''] = holder.split(' ');
  return startTimeOf(Number(pid)) === startTime;
}
