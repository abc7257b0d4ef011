/** The source `directory`: a folder of manifests, followed as it changes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Source, SourceBatch } from '../model/source.ts';
import { createFolderWatch } from './folder-watch.ts';
import { createLookSchedule } from './look-schedule.ts';
import { createManifestFolder } from './manifest-folder.ts';

/** Events of one save come in a bunch. */
const DEBOUNCE_MS = 20;
/** A look now and then, whatever the kernel tells: some file systems tell nothing. */
const SCAN_PERIOD_MS = 2000;
/** When to look again at a file that is empty, perhaps only because it is being written. */
const UNSURE_MS = 210;

/** The part of a logger that a source uses; pino's fits. */
export interface SourceLog {
  warn(details: object, message: string): void;
}

export interface DirectoryOptions {
  readonly directory: string;
  readonly log?: SourceLog;
}

/**
 * Follows a folder of manifests. Only changed files are read again; a file that can't be read or parsed, and an object
 * that is refused, stay as they last were. `start` and `rescan` reject where the folder itself can't be read.
 */
export function directorySource({ directory, log }: DirectoryOptions): Source {
  const folder = createManifestFolder(directory);
  let listener: ((batch: SourceBatch) => void) | undefined;
  let unsure = false;
  let period: NodeJS.Timeout | undefined;

  let told: string | null = null;

  const schedule = createLookSchedule(look, (cause) => {
    // It is tried every two seconds: the same trouble is told once.
    if (told === String(cause)) return;
    told = String(cause);
    log?.warn({ directory, err: cause }, 'Folder of manifests could not be followed');
  });
  const watch = createFolderWatch(
    (path) => schedule.ask(path, DEBOUNCE_MS),
    (failed, cause) =>
      log?.warn({ directory: failed, err: cause }, 'Folder can not be watched, only scanned'),
  );

  async function look(scope: ReadonlySet<string> | null): Promise<void> {
    const { batch, unsure: empty, directories } = await folder.look(scope);
    unsure = empty;
    // What happened in a new folder before it was watched is not told: look once more.
    if (directories !== null && watch.follow(directories)) schedule.ask(null, DEBOUNCE_MS);
    if (unsure) schedule.ask(null, UNSURE_MS);
    if (batch !== null) listener?.(batch);
    told = null;
  }

  return {
    async start(deliver) {
      listener = deliver;
      await schedule.lookNow();
      period = setInterval(() => schedule.ask(null, 0), SCAN_PERIOD_MS).unref();
    },
    async rescan() {
      await schedule.lookNow();
      while (unsure) {
        await delay(UNSURE_MS);
        await schedule.lookNow();
      }
    },
    state: folder.state,
    async stop() {
      clearInterval(period);
      await schedule.stop();
      watch.close();
    },
  };
}
