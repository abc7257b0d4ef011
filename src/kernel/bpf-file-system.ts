/** Where pinned maps, programs and links of an instance are, and that there is a file system for them. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

const MOUNT_POINT = '/sys/fs/bpf';
const BPF_FS_MAGIC = 0xcafe4a11;

const run = promisify(execFile);

/** The instance's directory for pins. The kernel takes no dots in names of pins; instances have no percent signs. */
export function pinDirectory(instance: string): string {
  return `${MOUNT_POINT}/weir/${instance.replaceAll('.', '%2e')}`;
}

/**
 * Mounts the BPF file system where the machine has none, as every distribution with systemd does when it starts.
 * @throws Error that says why there is none
 */
export async function requireBpfFileSystem(): Promise<void> {
  if (await isMounted()) return;
  // Two at once must not hide each other's pins: who waits for the lock finds it mounted.
  const mount = `mountpoint -q ${MOUNT_POINT} || mount -t bpf bpf ${MOUNT_POINT}`;
  try {
    await run('flock', ['/sys/fs', 'sh', '-c', mount]);
  } catch (cause) {
    throw new Error(`${MOUNT_POINT} is no BPF file system and can't be made one`, { cause });
  }
  if (!(await isMounted())) throw new Error(`${MOUNT_POINT} is no BPF file system`);
}

async function isMounted(): Promise<boolean> {
  return (await statfs(MOUNT_POINT)).type === BPF_FS_MAGIC;
}
