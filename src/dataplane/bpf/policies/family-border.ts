/**
 * In the table of peers both families are one: an IPv6 prefix around mapped addresses would hold all IPv4 too. Where there is
 * one, a prefix of all IPv4 addresses keeps it out.
 */
import { type Address, type Prefix, prefixOf } from '../../../model/address.ts';
import type { PeerClassName } from '../../../model/policy-rows.ts';

export const ALL_IPV4 = '0.0.0.0/0' as Prefix;

const MAPPED_ZERO = '::ffff:0:0' as Address;
/** Mapped prefixes themselves are refused where policies are read. */
const MAPPED_BITS = 96;
const AROUND_IPV4 = Array.from({ length: MAPPED_BITS }, (_, length) => prefixOf(MAPPED_ZERO, length));

/** Adds the border to wanted peers, or takes it away; a class of `0.0.0.0/0` itself is one already, and rows never give it none. */
export function drawFamilyBorder(peers: Map<Prefix, PeerClassName | null>): void {
  if ((peers.get(ALL_IPV4) ?? null) !== null) return;
  if (AROUND_IPV4.some((prefix) => peers.has(prefix))) peers.set(ALL_IPV4, null);
  else peers.delete(ALL_IPV4);
}
