/** A packet on its way: from node to node until one translates, refuses or drops it, or it arrives where it was sent. */
import { type Address, familyOf } from '../model/address.ts';
import type { NodeName } from '../model/names.ts';
import type { NodeObject, PodObject } from '../model/objects.ts';
import { isFinished } from '../model/probe-targets.ts';
import { leavesMasqueraded } from './decide.ts';
import type { LookupTables } from './lookup-tables.ts';

/** Who has an address, and on which node; `pod` is null for a node's own address. */
export interface AddressOwner {
  readonly node: NodeName;
  readonly pod: PodObject | null;
}

/** The cluster as packets meet it. */
export interface FlowNetwork {
  /** Rows of a node; made when the first packet gets there. */
  tablesOf(node: NodeName): LookupTables;
  ownerOf(address: Address): AddressOwner | null;
}

interface Travelling {
  readonly source: Address;
  readonly sourceIsThisNode: boolean;
  readonly destination: Address;
}

/** Where a packet ended. */
export interface FlowPath<P, D> {
  /** The node that decided last. */
  readonly node: NodeName;
  /** Nodes that passed it on untouched before. */
  readonly passed: readonly NodeName[];
  /** The packet as it came to `node`. */
  readonly packet: P;
  readonly decision: D;
  /** Who has the destination address, where it was left untouched; null: nobody, there is no route. */
  readonly owner: AddressOwner | null;
}

/** Follows a packet that enters at `node`; `decide` is asked at each node and `untouched` lets the packet go on. */
export function followPacket<P extends Travelling, D extends { readonly verdict: string }>(
  network: FlowNetwork,
  entry: { readonly node: NodeName; readonly packet: P },
  decide: (tables: LookupTables, packet: P) => D,
): FlowPath<P, D> {
  const passed: NodeName[] = [];
  let { node, packet } = entry;
  for (;;) {
    const tables = network.tablesOf(node);
    const decision = decide(tables, packet);
    const owner = decision.verdict === 'untouched' ? network.ownerOf(packet.destination) : null;
    // An address whose owner sent the packet back here would circle for ever; the first visit has said all there is.
    if (owner === null || owner.node === node || passed.includes(owner.node)) {
      return { node, passed, packet, decision, owner };
    }
    passed.push(node);
    node = owner.node;
    packet = { ...packet, source: sourceAfter(tables, packet), sourceIsThisNode: false };
  }
}

/** Indexes the owners of addresses; a hostNetwork pod's addresses are its node's. */
export function addressOwners(
  nodes: Iterable<NodeObject>,
  pods: Iterable<PodObject>,
): ReadonlyMap<Address, AddressOwner> {
  const owners = new Map<Address, AddressOwner>();
  for (const pod of pods) {
    if (pod.nodeName === null || pod.hostNetwork || isFinished(pod)) continue;
    for (const address of pod.addresses) owners.set(address, { node: pod.nodeName, pod });
  }
  for (const node of nodes) {
    for (const { address } of node.addresses) owners.set(address, { node: node.name as NodeName, pod: null });
  }
  return owners;
}

/** The node's main address of the family of `address`; that is what masquerading shows to servers. */
export function masqueradeAddress(tables: LookupTables, address: Address): Address | null {
  return tables.rows.node.nodeAddresses.find((each) => familyOf(each) === familyOf(address)) ?? null;
}

/** The source address after the node has sent the packet on, untranslated; what a pod sends to itself never gets here. */
export function sourceAfter(tables: LookupTables, { source, destination }: Travelling): Address {
  const leaves = source !== destination && leavesMasqueraded(tables, source, destination);
  return (leaves ? masqueradeAddress(tables, source) : null) ?? source;
}
