/** A folder of manifests that a person edits: what changed in it, and which objects went away. */
import { type FSWatcher, watch } from 'node:fs';
import { type Manifests, readManifests } from '../source/manifests.ts';

type RawObject = Manifests['documents'][number]['raw'];

export interface ManifestFolder {
  /** Reads the folder again; the objects that were there at the last look and are gone from it. */
  removedSince(): Promise<readonly RawObject[]>;
}

/** Looks at the folder for the first time. */
export async function openManifestFolder(path: string): Promise<ManifestFolder> {
  let known = byObject((await readManifests([path])).documents);
  return {
    async removedSince() {
      const manifests = await readManifests([path]);
      const broken = new Set(
        manifests.problems.flatMap(({ file, severity }) => (severity === 'error' ? [file] : [])),
      );
      const current = byObject(manifests.documents);
      const removed: RawObject[] = [];
      for (const [key, document] of known) {
        if (current.has(key)) continue;
        // A file that can't be read whole just now may still be meant to hold the object.
        if (broken.has(document.file)) current.set(key, document);
        else removed.push(document.raw);
      }
      known = current;
      return removed;
    },
  };
}

/** Calls back once after each burst of changes below the folder; the result ends that. */
export function watchFolder(path: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const watcher: FSWatcher = watch(path, { recursive: true }, () => {
    clearTimeout(timer);
    // Editors write, rename and touch in a row.
    timer = setTimeout(onChange, 100);
  });
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

function byObject(documents: Manifests['documents']): Map<string, Manifests['documents'][number]> {
  return new Map(documents.map((document) => [keyOf(document.raw), document]));
}

function keyOf(raw: RawObject): string {
  const metadata = (raw.metadata ?? {}) as { readonly namespace?: unknown; readonly name?: unknown };
  return JSON.stringify([raw.kind, metadata.namespace ?? 'default', metadata.name]);
}
