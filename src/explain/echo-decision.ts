/** An ICMP echo request against the rows of one node: Service addresses answer it while something is behind them (A68). */
import { type Address, familyOf } from '../model/address.ts';
import type { ServiceAddressRow } from '../model/rows.ts';
import type { LookupTables } from './lookup-tables.ts';
import { prefixSetHas } from './prefix-set.ts';

/** `answered` by this node itself; `refused`: the node answers that nothing is there. */
export type EchoDecision =
  | {
      readonly verdict: 'answered';
      readonly row: ServiceAddressRow;
      /** This node's own address that answers, and that policies judge: the first of the family. */
      readonly answering: Address;
    }
  | {
      readonly verdict: 'refused' | 'dropped' | 'untouched';
      readonly row: ServiceAddressRow | null;
    };

/** Walks the address tables for one echo request. */
export function decideEcho(
  tables: LookupTables,
  packet: { readonly source: Address; readonly sourceIsThisNode: boolean; readonly destination: Address },
): EchoDecision {
  const row = tables.addresses.get(packet.destination) ?? null;
  const inside = packet.sourceIsThisNode || prefixSetHas(tables.inside, packet.source);
  const hidden = row?.kind === 'clusterIP' && !inside && tables.rows.node.externalClusterIp === 'drop';
  if (hidden) return { verdict: 'dropped', row };
  const answering = tables.rows.node.nodeAddresses.find(
    (address) => familyOf(address) === familyOf(packet.destination),
  );
  if (row?.pingable && answering !== undefined) return { verdict: 'answered', row, answering };
  // Only cluster IPs belong to Services alone: behind another address without endpoints somebody else may answer.
  if (row?.kind === 'clusterIP') return { verdict: 'refused', row };
  const isReserved = prefixSetHas(tables.serviceCidrs, packet.destination);
  return { verdict: isReserved ? 'dropped' : 'untouched', row: null };
}
