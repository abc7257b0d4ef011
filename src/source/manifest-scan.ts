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
  /** Every folder looked into, the first one included. */
  readonly directories: readonly string[];
  /** Paths that could not be looked at, with the reason. */
  readonly failures: readonly { readonly path: string; readonly cause: Error }[];
}

/**
 * Looks through a file or folder (recursively, symbolic links followed, hidden entries skipped). A path that was asked
 * for is taken whatever its extension; below a folder only .yaml, .yml and .json files count.
 */
export async function scanManifests(path: string): Promise<ManifestScan> {
  const scan: OpenScan = {
    files: new Map(),
    directories: [],
    failures: [],
    seen: new Set(),
    budget: FILES_PER_TURN,
  };
  const stats = statOf(scan, path);
  if (stats?.isDirectory()) await scanDirectory(scan, path);
  else if (stats !== undefined) scan.files.set(path, signatureOf(stats));
  const files = new Map([...scan.files].sort(([a], [b]) => compareText(a, b)));
  return { files, directories: scan.directories, failures: scan.failures };
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
  readonly files: Map<string, Signature>;
  readonly directories: string[];
  readonly failures: { path: string; cause: Error }[];
  /** Real paths of folders: a link to a folder above must not be followed for ever. */
  readonly seen: Set<string>;
  budget: number;
}

async function scanDirectory(scan: OpenScan, directory: string): Promise<void> {
  const entries = attempt(scan, directory, () => {
    const real = realpathSync(directory);
    if (scan.seen.has(real)) return [];
    scan.seen.add(real);
    scan.directories.push(directory);
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
    scan.failures.push({ path, cause: error instanceof Error ? error : new Error(String(error)) });
    return undefined;
  }
}

function signatureOf(stats: Stats): Signature {
  return { inode: stats.ino, size: stats.size, modifiedMs: stats.mtimeMs, changedMs: stats.ctimeMs };
}

function isHidden(name: string): boolean {
  return name.startsWith('.');
}
