/** What Weir's addon exports for interfaces, routes and addresses; promises reject with an Error that has `code`, `errno`, `syscall`. */

declare const brand: unique symbol;
/** Something that is being read on the event loop: a ring buffer, changes of the network, logged packets. Let go of, it is closed. */
export type EventReader = { readonly [brand]: 'EventReader' };

export interface NativeInterface {
  readonly index: number;
  readonly name: string;
  /** "" for hardware and the loopback interface. */
  readonly kind: string;
  readonly up: boolean;
  readonly master: number | null;
  readonly peer: number | null;
  /** null: this one. */
  readonly peerNamespace: number | null;
}

export interface NativeHostRoute {
  /** 4 or 16 bytes in network order. */
  readonly address: Uint8Array;
  readonly interfaceIndex: number;
  readonly table: number;
  readonly metric: number;
}

export interface NativeInterfaceAddress {
  readonly address: Uint8Array;
  readonly interfaceIndex: number;
}

export type NativeNetworkChange =
  | { readonly kind: 'interface'; readonly subject: NativeInterface; readonly gone: boolean }
  | { readonly kind: 'route'; readonly subject: NativeHostRoute; readonly gone: boolean }
  | {
      readonly kind: 'address';
      readonly subject: NativeInterfaceAddress;
      readonly gone: boolean;
      /** The id that the namespace with this address has in the watched one; left out: it is that one's own. */
      readonly namespace?: number;
    }
  /** A namespace that is gone. */
  | { readonly kind: 'namespace'; readonly namespace: number; readonly gone: true };

/** A packet that a rule of nftables logged. */
export interface NativeLoggedPacket {
  /** Of the rule. */
  readonly prefix: string;
  /** Interface indexes; 0: none at this hook. */
  readonly incoming: number;
  readonly outgoing: number;
  /** From the IP header on, as much as was asked for. */
  readonly bytes: Uint8Array;
}

/** `networkNamespace` is the path of a namespace to look at; left out, the caller's. */
export interface NativeNetwork {
  listInterfaces(networkNamespace?: string): Promise<readonly NativeInterface[]>;
  listHostRoutes(networkNamespace?: string): Promise<readonly NativeHostRoute[]>;
  /** Of the namespace with this id (none when there is none), or with null, its own. */
  listAddresses(id: number | null, networkNamespace?: string): Promise<readonly NativeInterfaceAddress[]>;
  /** A number that no other namespace ever has, while the machine runs. Linux 5.14. */
  networkNamespaceCookie(networkNamespace?: string): Promise<number>;
  /** Calls `take` with what changed, or with null when the kernel had to drop changes. */
  watchNetwork(
    take: (changes: readonly NativeNetworkChange[] | null) => void,
    networkNamespace?: string,
  ): EventReader;
  /**
   * Calls `take` with packets logged to the group, `snap` bytes of each, or with null when the kernel had to drop some. Throws
   * when another process has the group, or the kernel no such log.
   */
  watchPacketLog(
    group: number,
    snap: number,
    take: (packets: readonly NativeLoggedPacket[] | null) => void,
    networkNamespace?: string,
  ): EventReader;
  /** Of any kind. Closing twice is fine. */
  closeReader(reader: EventReader): undefined;
}
