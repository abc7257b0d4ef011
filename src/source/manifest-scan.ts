/** Which manifest files a folder holds, and the marks by which a changed file is known. */
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { compareText } from '../model/names.ts';

const EXTENSIONS: readonly string[] = ['.yaml', '.yml', '.json'];
/** Files looked at before other work gets a turn: about a millisecond. */
const FILES_PER_TURN = 256;

/** Two equal signatures mean the same content, if the file is not just being written. */
export interface Signature {
  readonly inode: number;
  readonly size: number;
  /** Milliseconds since the epoch, with fractions. */
  readonly modifiedMs: number;
  /** When inode data changed: a renamed file keeps its modification time, not this one. */
  readonly changedMs: number;
}

export interface ManifestScan {
  /** In order of path. */
  readonly files: ReadonlyMap<string, Signature>;
  /** Inode of every folder looked into, the first one included. */
  readonly directories: ReadonlyMap<string, number>;
  /** Paths that could not be looked at, with the reason. */
  readonly failures: readonly { readonly path: string; readonly cause: Error }[];
}

/**
 * Looks through a file or folder (recursively, symbolic links followed, hidden entries skipped). A path that was asked
 * for is taken whatever its extension; below a folder only .yaml, .yml and .json files count.
 */
export async function scanManifests(path: string): Promise<ManifestScan> {
  const scan = createScan(path);
  const stats = statOf(scan, path);
  if (stats?.isDirectory()) await scanDirectory(scan, path);
  else if (stats !== undefined) scan.files.set(path, signatureOf(stats));
  const files = new Map([...scan.files].sort(([a], [b]) => compareText(a, b)));
  return { files, directories: scan.directories, failures: scan.failures };
}

/**
 * Looks at single files whose folder is known. A path that turns out to be a folder makes the answer undefined: then
 * only a full scan knows what is there.
 */
export function scanFiles(paths: Iterable<string>): ManifestScan | undefined {
  const scan = createScan(null);
  for (const path of paths) {
    const stats = statOf(scan, path);
    if (stats?.isDirectory()) return undefined;
    if (stats?.isFile()) scan.files.set(path, signatureOf(stats));
  }
  return scan;
}

/** Whether a folder's entry of this name is a manifest, judged by the name alone. */
export function isManifestName(name: string): boolean {
  return !isHidden(name) && EXTENSIONS.includes(extname(name));
}

export function sameSignature(a: Signature, b: Signature): boolean {
  return (
    a.inode === b.inode && a.size === b.size && a.modifiedMs === b.modifiedMs && a.changedMs === b.changedMs
  );
}

interface OpenScan {
  readonly root: string | null;
  readonly files: Map<string, Signature>;
  readonly directories: Map<string, number>;
  readonly failures: { path: string; cause: Error }[];
  /** Real paths of folders: a link to a folder above must not be followed for ever. */
  readonly seen: Set<string>;
  budget: number;
}

function createScan(root: string | null): OpenScan {
  return {
    root,
    files: new Map(),
    directories: new Map(),
    failures: [],
    seen: new Set(),
    budget: FILES_PER_TURN,
  };
}

async function scanDirectory(scan: OpenScan, directory: string): Promise<void> {
  const entries = attempt(scan, directory, () => {
    const real = realpathSync(directory);
    if (scan.seen.has(real)) return [];
    scan.seen.add(real);
    scan.directories.set(directory, statSync(directory).ino);
    return readdirSync(directory, { withFileTypes: true });
  });
  for (const entry of entries ?? []) {
    if (isHidden(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      await scanDirectory(scan, path);
      continue;
    }
    if (!entry.isSymbolicLink() && !isManifestName(entry.name)) continue;
    const stats = statOf(scan, path);
    if (stats?.isDirectory()) await scanDirectory(scan, path);
    else if (stats?.isFile() && isManifestName(entry.name)) scan.files.set(path, signatureOf(stats));
    if (--scan.budget <= 0) {
      scan.budget = FILES_PER_TURN;
      await setImmediate();
    }
  }
}

function statOf(scan: OpenScan, path: string): Stats | undefined {
  return attempt(scan, path, () => statSync(path));
}

function attempt<Result>(scan: OpenScan, path: string, look: () => Result): Result | undefined {
  try {
    return look();
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    // Gone since its folder was read, or a link to nothing: not there, that is all. But what was asked for must exist.
    const gone = 'code' in cause && cause.code === 'ENOENT' && path !== scan.root;
    if (!gone) scan.failures.push({ path, cause });
    return undefined;
  }
}

function signatureOf(stats: Stats): Signature {
  return { inode: stats.ino, size: stats.size, modifiedMs: stats.mtimeMs, changedMs: stats.ctimeMs };
}

function isHidden(name: string): boolean {
  return name.startsWith('.');
}
