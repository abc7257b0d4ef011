/** A BPF file system of a test's own, for pins. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

export interface BpfFileSystem {
  /** Where it is mounted. */
  readonly path: string;
  /** Takes it away, and with it every pin. */
  remove(): void;
}

export function mountBpfFileSystem(): BpfFileSystem {
  const path = mkdtempSync(join('/run', 'weir-test-bpf-'));
  // Sanitizers are for this process, not for the tools it runs.
  const env = { PATH: process.env.PATH };
  execFileSync('mount', ['-t', 'bpf', 'bpf', path], { env });
  return {
    path,
    remove() {
      execFileSync('umount', [path], { env });
      rmdirSync(path);
    },
  };
}
