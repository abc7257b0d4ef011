/** Programs on what the sockets of a cgroup do, and where cgroups are. */
import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { nativeAddon } from './native.ts';
import type { CgroupHook, Descriptor } from './native-bpf.ts';

/** A program on a cgroup and all below it, for as long as this process or a pin holds the link. */
export interface CgroupLink {
  readonly descriptor: Descriptor;
  /** Puts another program in its place, without a moment between (H2). */
  update(program: Descriptor): Promise<void>;
  /** Whether it is on this cgroup, and not on one of its name that is gone. */
  isOn(cgroup: string): Promise<boolean>;
  detach(): Promise<void>;
  /** Lets go; a pinned link stays. */
  close(): void;
}

/** Rejects with an Error that has `code` and names the cgroup's directory. */
export async function attachToCgroup(
  program: Descriptor,
  cgroup: string,
  hook: CgroupHook,
): Promise<CgroupLink> {
  return cgroupLink(await nativeAddon().attachToCgroup(program, cgroup, hook));
}

/** The link that is pinned at the path. Rejects with ENOENT when there is none. */
export async function openCgroupLink(path: string): Promise<CgroupLink> {
  return cgroupLink(await nativeAddon().openPinned(path));
}

function cgroupLink(descriptor: Descriptor): CgroupLink {
  const native = nativeAddon();
  return {
    descriptor,
    update: async (program) => native.updateLink(descriptor, program),
    isOn: async (cgroup) => (await native.describeCgroupLink(descriptor)).cgroup === inodeOf(cgroup),
    detach: async () => native.detachLink(descriptor),
    close: () => native.closeDescriptor(descriptor),
  };
}

function inodeOf(directory: string): number | undefined {
  return statSync(directory, { throwIfNoEntry: false })?.ino;
}

/** The hierarchy itself, and beside the older ones where a machine has both. */
const MOUNT_POINTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

/** Where cgroup2 is mounted; null where it is not. */
export function cgroupRoot(): string | null {
  return MOUNT_POINTS.find(isCgroup) ?? null;
}

/** Whether the path is a cgroup of cgroup2. */
export function isCgroup(path: string): boolean {
  return existsSync(`${path}/cgroup.controllers`);
}

/**
 * The network namespaces of the processes in the cgroup and below it: a path for each, good for as long as its process
 * lives. What is going meanwhile is left out.
 */
export async function networkNamespacesOf(cgroup: string): Promise<readonly string[]> {
  const paths = new Map<string, string>();
  for (const pid of await processesIn(cgroup)) {
    const path = `/proc/${pid}/ns/net`;
    const namespace = await readlink(path).catch(() => undefined);
    if (namespace !== undefined) paths.set(namespace, path);
  }
  return [...paths.values()];
}

async function processesIn(cgroup: string): Promise<readonly string[]> {
  const text = await readFile(`${cgroup}/cgroup.procs`, 'utf8').catch(() => '');
  const entries = await readdir(cgroup, { withFileTypes: true }).catch(() => []);
  const below: string[] = [];
  for (const entry of entries)
    if (entry.isDirectory()) below.push(...(await processesIn(join(cgroup, entry.name))));
  return [...text.split('\n').filter((line) => line !== ''), ...below];
}
