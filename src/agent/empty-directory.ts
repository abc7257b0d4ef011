import { rmdirSync } from 'node:fs';

/** Removes the directory if nothing is in it. Where others use it, or it is a container's mount, it stays. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Not empty, not there, a mount or read-only: all the same to whoever is done with it.
  }
}
