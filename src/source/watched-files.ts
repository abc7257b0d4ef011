/** The files of a folder as last read: reads again only what changed, and keeps the last good where reading fails. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { sep } from 'node:path';
import type { Problem } from '../model/objects.ts';
import { type Claim, readManifestFile } from './manifest-file.ts';
import { type ManifestScan, type Signature, sameSignature } from './manifest-scan.ts';
import { unreadable } from './manifests.ts';

/** A file changed so recently may change again without a new time stamp: clocks of file systems tick coarsely. */
const SETTLED_AFTER_MS = 50;
/** An editor empties a file before it writes: only one that stays empty this long is meant to be. */
const EMPTY_AFTER_MS = 200;
/** More would hold many texts in memory at once without being faster. */
const READS_AT_ONCE = 8;

export interface WatchedFile {
  readonly signature: Signature;
  /** False: the same signature does not prove the same content yet. */
  readonly settled: boolean;
  /** Digest of the text; '' where none was read. */
  readonly digest: string;
  readonly claims: readonly Claim[];
  readonly problems: readonly Problem[];
  readonly skippedKinds: ReadonlyMap<string, number>;
}

export type WatchedFiles = Map<string, WatchedFile>;

export interface Reading {
  /** Files whose claims or problems may be others now; null for a file that is gone. */
  readonly changed: ReadonlyMap<string, WatchedFile | null>;
  /** Some file is empty, perhaps only for a moment: look again in a while. */
  readonly unsure: boolean;
}

/**
 * Brings `files` up to date with a scan.
 *
 * @param scope files the scan looked for: only they can be gone; null for a full scan
 */
export async function readChangedFiles(
  files: WatchedFiles,
  scan: ManifestScan,
  scope: ReadonlySet<string> | null,
): Promise<Reading> {
  const changed = new Map<string, WatchedFile | null>();
  for (const path of scope ?? [...files.keys()]) {
    if (scan.files.has(path) || !files.has(path) || isHiddenByFailure(path, scan)) continue;
    files.delete(path);
    changed.set(path, null);
  }
  let unsure = false;
  const outdated = [...scan.files].filter(([path, signature]) => isOutdated(files.get(path), signature));
  for (let start = 0; start < outdated.length; start += READS_AT_ONCE) {
    const some = outdated.slice(start, start + READS_AT_ONCE);
    const read = await Promise.all(
      some.map(([path, signature]) => readAgain(path, signature, files.get(path))),
    );
    for (const [index, [path]] of some.entries()) {
      const next = read[index];
      if (next === 'unsure') unsure = true;
      if (next === undefined || next === 'unsure') continue;
      if (next.digest !== files.get(path)?.digest) changed.set(path, next);
      files.set(path, next);
    }
  }
  return { changed, unsure };
}

function isOutdated(known: WatchedFile | undefined, signature: Signature): boolean {
  return known === undefined || !known.settled || !sameSignature(known.signature, signature);
}

/** A folder that can't be looked into does not mean that its files are gone. */
function isHiddenByFailure(path: string, { failures }: ManifestScan): boolean {
  return failures.some(({ path: failed, cause }) => {
    const gone = 'code' in cause && cause.code === 'ENOTDIR';
    return !gone && (path === failed || path.startsWith(failed + sep));
  });
}

/** undefined: gone since the scan. */
async function readAgain(
  path: string,
  signature: Signature,
  known: WatchedFile | undefined,
): Promise<WatchedFile | 'unsure' | undefined> {
  const ageMs = Date.now() - Math.max(signature.modifiedMs, signature.changedMs);
  const settled = ageMs > SETTLED_AFTER_MS;
  try {
    const text = await readFile(path, 'utf8');
    if (text === '' && ageMs < EMPTY_AFTER_MS && known !== undefined && known.claims.length > 0)
      return 'unsure';
    const digest = hash('sha1', text);
    if (known?.digest === digest) return { ...known, signature, settled };
    return parseAgain(path, text, { signature, settled, digest }, known);
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    if ('code' in cause && cause.code === 'ENOENT') return undefined;
    const { claims, skippedKinds } = known ?? { claims: [], skippedKinds: new Map<string, number>() };
    const digest = `unreadable: ${cause.message}`;
    return { signature, settled: false, digest, claims, skippedKinds, problems: [unreadable(path, cause)] };
  }
}

function parseAgain(
  path: string,
  text: string,
  mark: Pick<WatchedFile, 'signature' | 'settled' | 'digest'>,
  known: WatchedFile | undefined,
): WatchedFile {
  const { claims, problems, skippedKinds, broken } = readManifestFile(text, path);
  // Half a file says nothing about the objects of its other half: all of the last good file stays.
  if (broken && known !== undefined) {
    return { ...mark, problems, claims: known.claims, skippedKinds: known.skippedKinds };
  }
  return { ...mark, problems, claims, skippedKinds };
}
