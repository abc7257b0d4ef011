/** The pod that packets of these tests are from and for, and its peers. */
import type { PodInterface } from '../../src/dataplane/policy-change.ts';
import type { ObjectName } from '../../src/model/names.ts';
import { address } from './packets.ts';
import { POD_INTERFACE } from './policy-node.ts';

export const POD = 'shop/web' as ObjectName;
export const POD_ADDRESSES = [address('10.244.1.5'), address('fd44:1::5')] as const;
/** Has the class `friend`. */
export const FRIEND = { IPv4: address('10.244.2.6'), IPv6: address('fd44:2::6') } as const;
/** Has no class. */
export const STRANGER = { IPv4: address('10.244.2.7'), IPv6: address('fd44:2::7') } as const;
export const PEERS = { '10.244.2.6/32': 'friend', 'fd44:2::6/128': 'friend' };

/** The pod's interface, as discovery would tell it. */
export function interfaceOf(changes: Partial<PodInterface> = {}): ReadonlyMap<ObjectName, PodInterface> {
  const pod = { pod: POD, interfaceIndex: POD_INTERFACE, addresses: POD_ADDRESSES, held: false, ...changes };
  return new Map([[POD, pod]]);
}
