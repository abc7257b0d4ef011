/** Ends sockets whose endpoint went, in every network namespace of a cgroup, where the kernel can. */
import { existsSync } from 'node:fs';
import { networkNamespacesOf } from '../../../kernel/cgroup.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import type { MissingFeature } from '../../dataplane.ts';

/** Function of the kernel that the programs end sockets by. */
export const ENDING_FUNCTION = 'bpf_sock_destroy';
/** Those that end sockets, and do nothing else. */
export const ENDING_PROGRAMS = ['end_orphans', 'end_departed'] as const;

export interface Ending {
  /** What this kernel can't do for sockets. */
  readonly missing: readonly MissingFeature[];
  /** Closes datagram sockets that are connected to what is no backend any more (A60, E7). */
  endOrphans(): Promise<void>;
  /** Ends the connections whose time has come, and notes which departures still have any. */
  endDeparted(): Promise<void>;
}

/** Where the kernel can't: sockets are left as they are. */
export const NO_ENDING: Ending = {
  missing: [
    {
      feature: 'ending sockets whose endpoint went',
      why: `the kernel is older than 6.5: it has no ${ENDING_FUNCTION}`,
    },
  ],
  endOrphans: async () => {},
  endDeparted: async () => {},
};

/** Every method rejects with the kernel's Error. */
export function createEnding(
  programs: Readonly<Record<(typeof ENDING_PROGRAMS)[number], Descriptor>>,
  cgroup: string,
): Ending {
  const runOnSockets = async (program: Descriptor): Promise<void> => {
    for (const namespace of await networkNamespacesOf(cgroup)) {
      // With its last process a namespace goes, and its sockets.
      await nativeAddon()
        .runIterator(program, namespace)
        .catch((error: unknown) => {
          if (existsSync(namespace)) throw error;
        });
    }
  };
  return {
    missing: [],
    endOrphans: () => runOnSockets(programs.end_orphans),
    endDeparted: () => runOnSockets(programs.end_departed),
  };
}
