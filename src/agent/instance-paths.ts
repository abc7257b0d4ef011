/** Where an instance keeps what is not in the kernel's tables. */

/** Run directories of all instances of the machine. */
export const RUN_DIRECTORY = '/run/weir';

/** The instance's run directory. */
export function runDirectory(instance: string): string {
  return `${RUN_DIRECTORY}/${instance}`;
}

/** The control socket, see control-socket.ts. */
export function controlSocketPath(instance: string): string {
  return `${runDirectory(instance)}/agent.sock`;
}

/** What the standalone control plane chose, see allocation-file.ts. */
export function allocationPath(instance: string): string {
  return `${runDirectory(instance)}/allocations.json`;
}
