/** Functions of the kernel that BPF programs may call (kfuncs). */
import { readFile } from 'node:fs/promises';

const KERNEL_TYPES = '/sys/kernel/btf/vmlinux';

/**
 * Whether the kernel describes a function of this name, of its core and not of a module; false where it does not describe
 * itself. `types`: the file in which it does.
 */
export async function hasKernelFunction(name: string, types = KERNEL_TYPES): Promise<boolean> {
  const described = await readFile(types).catch(() => null);
  // Names stand in it one after the other, each once, whatever they are of.
  return described?.includes(`\0${name}\0`) ?? false;
}
