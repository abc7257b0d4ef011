/** Local pods' interfaces and the node's own addresses as they are now, followed live. */
import { isDeepStrictEqual } from 'node:util';
import type { NetworkPlace } from '../../kernel/network.ts';
import { streamNetwork } from '../../kernel/network-stream.ts';
import type { Address } from '../../model/address.ts';
import type { ObjectName } from '../../model/names.ts';
import { createOwnAddresses } from './own-addresses.ts';
import { findPodDevices } from './pod-devices.ts';
import type { PodInterfaceState, Stranger } from './pod-interface-state.ts';
import { createPodInterfaces, type PodInterfaceChanges } from './pod-interfaces.ts';
import { createPodSearch } from './pod-search.ts';

export interface PodInterfaceWatchOptions extends NetworkPlace {
  /**
   * The network changed something, in the turn of the event loop that takes the kernel's message; `setPods` does not call it.
   * Without changes: others are strangers now.
   */
  readonly onChange: (changes: PodInterfaceChanges) => void;
  /** The node has others than before, in the same turn. */
  readonly onOwnAddresses: () => void;
  /** Reading the network, or looking for a pod, failed; it is tried again. */
  readonly onError: (error: unknown) => void;
}

export interface PodInterfaceWatch {
  readonly current: ReadonlyMap<ObjectName, PodInterfaceState>;
  /** Pods with another state than at the last call, also none. */
  takeChanged(): ReadonlySet<ObjectName>;
  strangers(): ReadonlyMap<number, Stranger>;
  /** Of all interfaces of the node, in no order; those of the link and of the host itself are left out. The same list while they are. */
  ownAddresses(): readonly Address[];
  /** Pods of this node with addresses of their own: the whole new value, or null where they went. Returns what that changes. */
  setPods(pods: ReadonlyMap<ObjectName, readonly Address[] | null>): PodInterfaceChanges;
  /** Resolves when what the kernel told until now is in `current`; rejects with what keeps the network from being read. */
  settled(): Promise<void>;
  close(): void;
}

/** Begins at once; what is there already is told as soon as it was read. */
export function watchPodInterfaces(options: PodInterfaceWatchOptions): PodInterfaceWatch {
  const { onChange, onOwnAddresses, onError } = options;
  const interfaces = createPodInterfaces();
  const own = createOwnAddresses();
  let strangers: ReadonlyMap<number, Stranger> = new Map();
  const changed: ObjectName[] = [];
  let closed = false;
  /** Returns whether anything differs. */
  const take = (changes: PodInterfaceChanges): boolean => {
    changed.push(...changes.keys());
    if (changes.size > 0) search.plan();
    const before = strangers;
    strangers = interfaces.strangers();
    return changes.size > 0 || !isDeepStrictEqual(strangers, before);
  };
  const tell = (changes: PodInterfaceChanges) => {
    if (take(changes) && !closed) onChange(changes);
  };
  const search = createPodSearch(interfaces.current, async (addresses) => {
    // Without CAP_NET_BROADCAST nobody tells what happens at the other ends of veths. A failure is told by the stream.
    await stream.refresh().catch(() => undefined);
    const found = await findPodDevices(addresses, options).catch((error) => {
      onError(error);
      return new Map(addresses.map((address) => [address, null]));
    });
    tell(interfaces.setDevices(found));
  });
  const stream = streamNetwork({
    ...options,
    onSnapshot(snapshot) {
      if (own.set(snapshot.ownAddresses)) onOwnAddresses();
      tell(interfaces.setNetwork(snapshot));
    },
    onChanges(changes) {
      if (own.apply(changes)) onOwnAddresses();
      tell(interfaces.applyNetwork(changes));
    },
    onError,
  });
  return {
    current: interfaces.current,
    takeChanged: () => new Set(changed.splice(0)),
    strangers: () => strangers,
    ownAddresses: own.list,
    setPods(pods) {
      const changes = interfaces.setPods(pods);
      take(changes);
      return changes;
    },
    settled: stream.settled,
    close() {
      closed = true;
      stream.close();
      search.close();
    },
  };
}
