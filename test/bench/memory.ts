/** Peak memory of a process, as the kernel counts it. */
import { readFileSync } from 'node:fs';

/** VmHWM of a process (id or `self`) in megabytes; 0 when it is gone or has no memory of its own any more. */
export function peakRssMb(process: number | 'self'): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? 0 : Number(kilobytes) / 1024;
  } catch {
    return 0;
  }
}
