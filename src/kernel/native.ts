/**
 * The only importer of the addons: Weir's own (`weir.node`: connection tracking, interfaces and BPF) and that of nft-js, whose exports pass
 * through here. Everything else in Weir talks to the kernel by the ports beside this file.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeBpf } from './native-bpf.ts';
import type { NativeNetwork } from './native-network.ts';

export * from 'nft-js';

/** 4 or 16 bytes in network order. */
type AddressBytes = Uint8Array;

/** A filter as the addon takes it; every field that is given must hold. Ports in host byte order. */
export interface NativeConntrackFilter {
  readonly family: 4 | 6;
  /** IP protocol number. */
  readonly protocol?: number;
  readonly originalSource?: AddressBytes;
  readonly originalDestination?: AddressBytes;
  readonly originalDestinationPort?: number;
  readonly replySource?: AddressBytes;
  readonly replySourcePort?: number;
  /** The destination was translated, or was not. */
  readonly natted?: boolean;
  /** The kernel's TCP_CONNTRACK_* numbers. */
  readonly tcpStates?: readonly number[];
}

export interface NativeConntrackTuple {
  readonly source: AddressBytes;
  readonly destination: AddressBytes;
  /** 0 where the protocol has no ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface NativeConntrackEntry {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly original: NativeConntrackTuple;
  readonly reply: NativeConntrackTuple;
  /** IPS_* bits. */
  readonly status: number;
  readonly id: number;
  readonly timeoutSeconds: number;
  readonly mark: number;
  readonly tcpState: number | null;
}

/** What `weir.node` exports. Promises reject with an Error that has `code`, `errno` and `syscall`. */
export interface NativeAddon extends NativeBpf, NativeNetwork {
  /** `networkNamespace` is the path of a namespace to work in; left out, the caller's. */
  listConntrack(
    filter: NativeConntrackFilter,
    networkNamespace?: string,
  ): Promise<readonly NativeConntrackEntry[]>;
  deleteConntrack(filters: readonly NativeConntrackFilter[], networkNamespace?: string): Promise<number>;
}

let loaded: NativeAddon | undefined;

/** Weir's addon, loaded at the first call. Throws an Error that says how to build it when it is not there. */
export function nativeAddon(): NativeAddon {
  loaded ??= loadAddon();
  return loaded;
}

function loadAddon(): NativeAddon {
  const path = fileURLToPath(new URL('../../native/build/Release/weir.node', import.meta.url));
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (cause) {
    throw new Error(`can't load Weir's addon ${path}: run 'npm run build'`, { cause });
  }
}
