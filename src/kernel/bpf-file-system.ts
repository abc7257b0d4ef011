/** Where pinned maps, programs and links of an instance are, and that there is a file system for them. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Where it is mounted. */
export const BPF_FILE_SYSTEM = '/sys/fs/bpf';
const BPF_FS_MAGIC = 0xcafe4a11;

const run = promisify(execFile);

/** The instance's directory for pins. The kernel takes no dots in names of pins; instances have no percent signs. */
export function pinDirectory(instance: string): string {
  return `${BPF_FILE_SYSTEM}/weir/${instance.replaceAll('.', '%2e')}`;
}

/**
 * Mounts the BPF file system where the machine has none, as every distribution with systemd does when it starts.
 * @throws Error that says why there is none
 */
export async function requireBpfFileSystem(): Promise<void> {
  if (await hasBpfFileSystem()) return;
  // Two at once must not hide each other's pins: who waits for the lock finds it mounted.
  const mount = `mountpoint -q ${BPF_FILE_SYSTEM} || mount -t bpf bpf ${BPF_FILE_SYSTEM}`;
  try {
    await run('flock', ['/sys/fs', 'sh', '-c', mount]);
  } catch (cause) {
    throw new Error(`${BPF_FILE_SYSTEM} is no BPF file system and can't be made one`, { cause });
  }
  if (!(await hasBpfFileSystem())) throw new Error(`${BPF_FILE_SYSTEM} is no BPF file system`);
}

/** Whether the machine has one; a private one, which ends with a container, is nobody's to make unasked. */
export async function hasBpfFileSystem(): Promise<boolean> {
  return (await statfs(BPF_FILE_SYSTEM)).type === BPF_FS_MAGIC;
}
