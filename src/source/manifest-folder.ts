/** A folder of manifests as it was at the last look: what is in effect of it, and what is wrong. */
import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '../model/objects.ts';
import type { SourceBatch, SourceState } from '../model/source.ts';
import { createClaimCatalog, explainKept } from './claim-catalog.ts';
import { scanFiles, scanManifests } from './manifest-scan.ts';
import { unreadable } from './manifests.ts';
import { readChangedFiles, type WatchedFile, type WatchedFiles } from './watched-files.ts';

export interface Look {
  /** null: nothing to tell. */
  readonly batch: SourceBatch | null;
  /** Some file is empty, perhaps only for a moment: look again in a while. */
  readonly unsure: boolean;
  /** Folders to watch, with their inodes; null where the look was at single files only. */
  readonly directories: ReadonlyMap<string, number> | null;
}

export interface ManifestFolder {
  /**
   * Reads what changed since the last look.
   *
   * @param asked files to look at; null for the whole folder
   * @throws Error when the folder itself can't be read; everything then stays as it was
   */
  look(asked: ReadonlySet<string> | null): Promise<Look>;
  state(): SourceState;
}

export function createManifestFolder(directory: string): ManifestFolder {
  const files: WatchedFiles = new Map();
  const catalog = createClaimCatalog();
  const troubled = new Map<string, readonly Problem[]>();
  let unreadables: readonly Problem[] = [];
  let problems: readonly Problem[] | undefined;
  let state = {
    synced: false,
    lastEventAtMs: null as number | null,
    retries: 0,
    reason: null as string | null,
  };

  function take(changed: ReadonlyMap<string, WatchedFile | null>): SourceBatch | null {
    for (const [path, file] of changed) {
      catalog.replace(path, file?.claims ?? []);
      if (file === null || file.problems.length === 0) troubled.delete(path);
      else troubled.set(path, file.problems);
    }
    const changes = catalog.settle();
    const ofFiles = [...troubled.values()].flat().map((problem) => explainKept(catalog, problem));
    const now = [...unreadables, ...ofFiles, ...catalog.repeats()];
    const news = changes.length > 0 || !isDeepStrictEqual(now, problems);
    problems = now;
    return news ? { changes, problems: now } : null;
  }

  return {
    async look(asked) {
      const partial = asked === null ? undefined : scanFiles(asked);
      const scan = partial ?? (await scanManifests(directory));
      const failure = scan.failures.find(({ path }) => path === directory);
      if (failure !== undefined) {
        state = { ...state, synced: false, retries: state.retries + 1, reason: failure.cause.message };
        throw new Error(`source directory ${directory} can not be read`, { cause: failure.cause });
      }
      const whole = partial === undefined;
      if (whole) unreadables = scan.failures.map(({ path, cause }) => unreadable(path, cause));
      const { changed, unsure } = await readChangedFiles(files, scan, whole ? null : asked);
      const batch = take(changed);
      const lastEventAtMs = batch === null ? state.lastEventAtMs : Date.now();
      state = { synced: true, lastEventAtMs, retries: 0, reason: null };
      return { batch, unsure, directories: whole ? scan.directories : null };
    },
    state: () => ({ origin: directory, ...state, skippedKinds: countSkipped(files) }),
  };
}

function countSkipped(files: WatchedFiles): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { skippedKinds } of files.values()) {
    for (const [kind, count] of skippedKinds) counts[kind] = (counts[kind] ?? 0) + count;
  }
  return counts;
}
