/**
 * The file in which the standalone control plane's choices outlive the process. It is replaced whole, by one rename of a
 * file that is on the disk already: whenever the machine or the process dies, the old or the new one is there.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import { allocationText, readAllocationText } from './allocation-text.ts';
import { weirVersion } from './version.ts';

/** Least time between two writes: a stream of changes costs one serialization per second. */
const PAUSE_MS = 1000;

/**
 * What the file holds. null where there is none, or none that can be used: this is told, and the file is kept aside.
 */
export async function readAllocations(
  path: string,
  log: Pick<Logger, 'warn'>,
): Promise<ControlPlaneMemory | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!isMissing(error)) tellLost(log, path, messageOf(error), 'it is left as it is');
    return null;
  }
  try {
    return readAllocationText(text, weirVersion());
  } catch (error) {
    const aside = `${path}.unusable`;
    const kept = await rename(path, aside).then(
      () => `it is kept as ${aside}`,
      (cause: unknown) => `it can't be kept aside (${messageOf(cause)})`,
    );
    tellLost(log, path, messageOf(error), kept);
    return null;
  }
}

export interface AllocationFile {
  /** Writes soon if the revision is another than the one written last; never throws. */
  note(revision: string): void;
  /** Writes now what was noted; resolves when it is on the disk, or was told that it can't be. */
  close(): Promise<void>;
}

export interface AllocationFileOptions {
  readonly path: string;
  /** Asked when it is written, not when it is noted. */
  readonly memory: () => ControlPlaneMemory;
  readonly log: Pick<Logger, 'warn'>;
  readonly pauseMs?: number;
}

/** Follows the revisions that are noted; the first write happens at once. */
export function openAllocationFile({
  path,
  memory,
  log,
  pauseMs = PAUSE_MS,
}: AllocationFileOptions): AllocationFile {
  let noted: string | undefined;
  let written: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();
  let isFailing = false;

  const write = async (): Promise<void> => {
    if (noted === written) return;
    const revision = noted;
    try {
      await replaceFile(path, await allocationText(memory(), weirVersion()));
      written = revision;
      isFailing = false;
    } catch (error) {
      if (!isFailing) {
        log.warn(
          `${path}: allocations can't be written (${messageOf(error)}): a restart may choose other addresses; make room or name another --allocation-file`,
        );
      }
      isFailing = true;
    }
  };
  const schedule = (delayMs: number): void => {
    timer = setTimeout(() => {
      writing = write().then(() => {
        // What was noted meanwhile, or could not be written, waits for its turn.
        timer = undefined;
        if (noted !== written) schedule(pauseMs);
      });
    }, delayMs);
    timer.unref();
  };
  return {
    note(revision) {
      noted = revision;
      if (timer === undefined && noted !== written) schedule(written === undefined ? 0 : pauseMs);
    },
    async close() {
      clearTimeout(timer);
      await writing;
      clearTimeout(timer);
      await write();
    },
  };
}

async function replaceFile(path: string, pieces: readonly string[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = `${path}.new`;
  try {
    await writeThrough(temporary, pieces);
    await rename(temporary, path);
  } catch (error) {
    // On a full disk it would take the room that others make.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  // The rename itself is on the disk only with its directory.
  const directory = await open(dirname(path));
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeThrough(path: string, pieces: readonly string[]): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(pieces);
    await file.sync();
  } finally {
    await file.close();
  }
}

function tellLost(log: Pick<Logger, 'warn'>, path: string, why: string, where: string): void {
  log.warn(
    `${path} can't be used: ${why}; ${where}. Addresses and ports that no manifest gives may be chosen differently now, and refused edits have no earlier state`,
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
