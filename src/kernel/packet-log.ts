/** Packets that rules of nftables log (NFLOG), read on the event loop. */
import { nativeAddon } from './native.ts';
import type { NativeLoggedPacket } from './native-network.ts';

export type LoggedPacket = NativeLoggedPacket;

export interface PacketLogOptions {
  readonly group: number;
  /** Bytes of each packet. */
  readonly snap: number;
  /** Path of the network namespace; this process's own without it. */
  readonly netns?: string;
}

/** Calls `take` until the result is called; null: some were lost. Throws an Error when the group can't be had. */
export function watchPacketLog(
  { group, snap, netns }: PacketLogOptions,
  take: (packets: readonly LoggedPacket[] | null) => void,
): () => void {
  const reader = nativeAddon().watchPacketLog(group, snap, take, netns);
  return () => nativeAddon().closeReader(reader);
}
