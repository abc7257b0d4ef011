/** Tells that something in a set of folders changed, and in which file where that is known. */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { isManifestName } from './manifest-scan.ts';

export interface FolderWatch {
  /** Watches exactly these folders (with their inodes); true if any of them was not watched before. */
  follow(directories: ReadonlyMap<string, number>): boolean;
  close(): void;
}

/**
 * @param notice called with the manifest that changed, or null where only a full scan can tell
 * @param fail called where a folder can't be watched: periodic scans have to do
 */
export function createFolderWatch(
  notice: (path: string | null) => void,
  fail: (directory: string, cause: Error) => void,
): FolderWatch {
  const watchers = new Map<string, { readonly inode: number; readonly watcher: FSWatcher }>();
  /** Folders that could not be watched: tried again at each scan, told once. */
  const unwatched = new Set<string>();

  function noticeEntry(directory: string, name: string | null): void {
    if (name === null) notice(null);
    else if (isManifestName(name)) notice(join(directory, name));
    // `..data` is the link that a ConfigMap volume swaps; other hidden names are editors' own files.
    else if (name.startsWith('..') || !name.startsWith('.')) notice(null);
  }

  function open(directory: string, inode: number): void {
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => noticeEntry(directory, name));
      watcher.on('error', (cause) => {
        drop(directory);
        tell(directory, cause);
      });
      watchers.set(directory, { inode, watcher });
      unwatched.delete(directory);
    } catch (error) {
      tell(directory, error instanceof Error ? error : new Error(String(error)));
    }
  }

  function tell(directory: string, cause: Error): void {
    if (!unwatched.has(directory)) fail(directory, cause);
    unwatched.add(directory);
  }

  function drop(directory: string): void {
    watchers.get(directory)?.watcher.close();
    watchers.delete(directory);
  }

  return {
    follow(directories) {
      for (const [directory, { inode }] of watchers) {
        // A folder made anew under its old name is another one: its watcher sees nothing any more.
        if (directories.get(directory) !== inode) drop(directory);
      }
      const fresh = [...directories].filter(([directory]) => !watchers.has(directory));
      for (const [directory, inode] of fresh) open(directory, inode);
      return fresh.some(([directory]) => watchers.has(directory));
    },
    close() {
      for (const directory of [...watchers.keys()]) drop(directory);
    },
  };
}
