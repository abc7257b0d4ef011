/** The links that put the programs of sockets on a cgroup, kept by pins. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { attachToCgroup, type CgroupLink, openCgroupLink } from '../../../kernel/cgroup.ts';
import type { CgroupHook, Descriptor } from '../../../kernel/native-bpf.ts';
import { restorePin } from '../policies/hooks.ts';

/** Those that keep count of what is open. */
const COUNTING_HOOKS: readonly CgroupHook[] = ['sock_release', 'sock_ops'];

/** In the order in which they are attached: nothing is counted that ends unseen, or translated whose answers are not. */
export const SOCKET_HOOKS: readonly CgroupHook[] = [
  ...COUNTING_HOOKS,
  'recvmsg4',
  'recvmsg6',
  'getpeername4',
  'getpeername6',
  'sendmsg4',
  'sendmsg6',
  'connect4',
  'connect6',
];

export interface SocketHooks {
  /** Puts the programs on the cgroup, in the place of those of an earlier process. Rejects with the kernel's Error. */
  attach(): Promise<void>;
  /** Whether those that count are on the cgroup already, of this process or an earlier one. Rejects with the kernel's Error. */
  isCounting(): Promise<boolean>;
  /** Takes those that count off the cgroup. Rejects with the kernel's Error. */
  stopCounting(): Promise<void>;
  /** Lets go of the links; those that are pinned stay. */
  close(): void;
}

/** `directory` is that of the pins, in a BPF file system; `programs` by the names of their hooks. */
export function createSocketHooks(
  directory: string,
  cgroup: string,
  programs: Readonly<Record<CgroupHook, Descriptor>>,
): SocketHooks {
  const links = new Map<CgroupHook, CgroupLink>();
  const pinOf = (hook: CgroupHook) => `${directory}/${hook}`;

  const found = (hook: CgroupHook) => pinnedLink(pinOf(hook), cgroup);
  const adopt = async (hook: CgroupHook): Promise<CgroupLink | undefined> => {
    const link = await found(hook);
    await link?.update(programs[hook]);
    return link;
  };
  const isAttached = async (hook: CgroupHook): Promise<boolean> => {
    const own = links.get(hook);
    if (own !== undefined) return own.isOn(cgroup);
    const link = await found(hook);
    link?.close();
    return link !== undefined;
  };
  const attachOne = async (hook: CgroupHook): Promise<void> => {
    const standing = links.get(hook);
    if (standing === undefined || !(await standing.isOn(cgroup))) {
      standing?.close();
      const adopted = await adopt(hook);
      // What is pinned otherwise is on a cgroup that is gone, or no longer asked for.
      if (adopted === undefined) rmSync(pinOf(hook), { force: true });
      links.set(hook, adopted ?? (await attachToCgroup(programs[hook], cgroup, hook)));
    }
    const link = links.get(hook);
    if (link !== undefined) await restorePin(link.descriptor, pinOf(hook));
  };
  return {
    async attach() {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      for (const hook of SOCKET_HOOKS) await attachOne(hook);
    },
    async isCounting() {
      for (const hook of COUNTING_HOOKS) if (!(await isAttached(hook))) return false;
      return true;
    },
    async stopCounting() {
      for (const hook of COUNTING_HOOKS) {
        const link = links.get(hook) ?? (await found(hook));
        links.delete(hook);
        await link?.detach();
        link?.close();
        rmSync(pinOf(hook), { force: true });
      }
    },
    close() {
      for (const link of links.values()) link.close();
      links.clear();
    },
  };
}

/** The link of an earlier process, if it is on this very cgroup. */
async function pinnedLink(pin: string, cgroup: string): Promise<CgroupLink | undefined> {
  if (!existsSync(pin)) return undefined;
  const link = await openCgroupLink(pin);
  if (await link.isOn(cgroup)) return link;
  link.close();
  return undefined;
}
