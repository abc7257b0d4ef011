/** The network namespaces that processes of this machine are in, as far as their processes are to be seen. */
import { readdir, readlink, stat } from 'node:fs/promises';
import type { NetworkPlace } from './network.ts';

/**
 * One path for each of them besides the namespace at `place`; it is good for as long as its process lives. Looks at every
 * process, off the event loop: about 50 ms for a thousand.
 */
export async function processNamespaces(place: NetworkPlace = {}): Promise<readonly string[]> {
  const { ino } = await stat(place.networkNamespace ?? '/proc/self/ns/net');
  const paths = new Map<string, string>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const path = `/proc/${entry}/ns/net`;
    // Processes end, and some may not be looked at.
    const target = await readlink(path).catch(() => undefined);
    if (target !== undefined && target !== `net:[${ino}]`) paths.set(target, path);
  }
  return [...paths.values()];
}
