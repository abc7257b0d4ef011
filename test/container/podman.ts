/**
 * podman and buildah with a store of their own: images of the machine's user stay untouched, layers are kept from run to
 * run. Networks of podman's are never used, since making one changes the host's.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const STORE = ['--root', join(homedir(), '.cache', 'weir-image'), '--runroot', '/run/weir-image'];
/** crun refuses machines with both versions of cgroups, and no systemd may be there to ask. */
const ENGINE = ['--tmpdir', '/run/weir-image/libpod', '--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];

/** Everything a command printed. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs podman; rejects with what it said when it fails. */
export function podman(...argv: readonly string[]): Promise<Output> {
  return run('podman', [...STORE, ...ENGINE, ...argv], { maxBuffer: 64 << 20 });
}

/** Runs buildah on the same store, in a folder; rejects with what it said when it fails. */
export function buildah(folder: string, ...argv: readonly string[]): Promise<Output> {
  return run('buildah', [...STORE, ...argv], { cwd: folder, maxBuffer: 64 << 20 });
}

/** A cgroup of this run's, which goes at its end: podman would leave an empty one of its own in each hierarchy. */
const CGROUP = `weir-container-${process.pid}`;
const HIERARCHIES = '/sys/fs/cgroup';

/** podman lowers its limits to what it likes, and not every root may raise them again. */
const LIMIT = 16_384;

/** What every container here needs: the image as it is here, a network namespace, and limits that can be set. */
export function runFlags(netns: string): readonly string[] {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const limitFlags = [
    ['nofile', /^Max open files\s+\S+\s+(\S+)/m] as const,
    ['nproc', /^Max processes\s+\S+\s+(\S+)/m] as const,
  ].flatMap(([name, pattern]) => {
    const hard = Number(pattern.exec(limits)?.[1]);
    const limit = Number.isInteger(hard) ? Math.min(hard, LIMIT) : LIMIT;
    return ['--ulimit', `${name}=${limit}:${limit}`];
  });
  return ['--pull=never', '--network', `ns:${netns}`, '--cgroup-parent', `/${CGROUP}`, ...limitFlags];
}

/** Removes what containers leave in the cgroup hierarchies, of version 1 and 2. */
export function removeCgroups(): void {
  const hierarchies = readdirSync(HIERARCHIES).map((name) => join(HIERARCHIES, name));
  for (const hierarchy of [HIERARCHIES, ...hierarchies]) removeCgroup(join(hierarchy, CGROUP));
}

function removeCgroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}
