/**
 * One packet against the rows of one node, step by step as the chains in the kernel go. Nothing is decided here that
 * a row does not say: take a row away and the answer changes.
 */
import { type Address, familyOf, prefixContains } from '../model/address.ts';
import type { Port, Protocol } from '../model/names.ts';
import type { BackendRow, FrontendRow, ServiceRows, Treatment } from '../model/rows.ts';
import { anyAddressKey, type Entry, frontendKey, type LookupTables } from './lookup-tables.ts';
import { prefixSetHas } from './prefix-set.ts';

/** The first packet of a connection as it enters a node. */
export interface Packet {
  readonly source: Address;
  /** A process of this node sent it, whatever its source address. */
  readonly sourceIsThisNode: boolean;
  readonly destination: Address;
  readonly port: Port;
  readonly protocol: Protocol;
}

/** A backend the packet may go to. */
export interface Candidate {
  readonly backend: BackendRow;
  /** The server sees an address of this node instead of the client's. */
  readonly masquerade: boolean;
}

/** The step that ended the walk. */
export type DecidingStep =
  | 'frontend'
  | 'source-range'
  | 'undefined-port'
  | 'external-cluster-ip'
  | 'unallocated'
  | 'no-row';

/** What the node does with the packet. */
export interface Decision {
  readonly verdict: 'translated' | 'rejected' | 'dropped' | 'untouched';
  readonly step: DecidingStep;
  readonly inside: boolean;
  /** The frontend that decided and its service; null when none matched. */
  readonly frontend: FrontendRow | null;
  readonly service: ServiceRows | null;
  /** The list chosen from; null unless translated. */
  readonly list: 'cluster' | 'local' | null;
  /** In slot order; empty unless translated. */
  readonly candidates: readonly Candidate[];
}

/** Walks the tables for one packet. */
export function decide(tables: LookupTables, packet: Packet): Decision {
  const inside = packet.sourceIsThisNode || prefixSetHas(tables.inside, packet.source);
  for (const { entry, treatment } of matches(tables, packet, inside)) {
    if (treatment !== 'pass') return treated(tables, packet, inside, entry, treatment);
  }
  return withoutFrontend(tables, packet, inside);
}

/** Frontends in the order in which the kernel looks them up, each with its treatment for this packet. */
function* matches(
  tables: LookupTables,
  packet: Packet,
  inside: boolean,
): Generator<{ readonly entry: Entry; readonly treatment: Treatment }> {
  const { destination, port, protocol } = packet;
  const side = inside ? 'inside' : 'outside';
  const exactKey = frontendKey(destination, port, protocol);
  const exact = tables.exact.get(exactKey);
  if (exact !== undefined) yield { entry: exact, treatment: exact.frontend[side] };
  const anyKey = anyAddressKey(familyOf(destination), port, protocol);
  if (tables.own.has(destination)) {
    for (const key of [exactKey, anyKey]) {
      const hostPort = tables.hostPorts.get(key);
      if (hostPort !== undefined) yield { entry: hostPort, treatment: hostPort.frontend[side] };
    }
  }
  const nodePort = tables.nodePorts.get(anyKey);
  if (nodePort === undefined) return;
  if (tables.own.has(destination) && prefixSetHas(tables.nodePortAddresses, destination)) {
    yield { entry: nodePort, treatment: nodePort.frontend[side] };
  }
  if (inside && tables.otherNodeAddresses.has(destination)) {
    yield { entry: nodePort, treatment: nodePort.frontend.elsewhere };
  }
}

function treated(
  tables: LookupTables,
  packet: Packet,
  inside: boolean,
  { service, frontend }: Entry,
  treatment: Exclude<Treatment, 'pass'>,
): Decision {
  const met = { inside, service, frontend, list: null, candidates: [] } as const;
  if (!inside && frontend.checkSources && !isSourceAllowed(service, packet.source)) {
    return { ...met, verdict: 'dropped', step: 'source-range' };
  }
  if (treatment === 'reject') return { ...met, verdict: 'rejected', step: 'frontend' };
  if (treatment === 'drop') return { ...met, verdict: 'dropped', step: 'frontend' };
  const candidates = service[treatment].map((backend) => ({
    backend,
    masquerade: isMasqueraded(tables, packet, backend),
  }));
  return { ...met, verdict: 'translated', step: 'frontend', list: treatment, candidates };
}

function isSourceAllowed({ sourceRanges }: ServiceRows, source: Address): boolean {
  if (sourceRanges === null) return true;
  const isListed = sourceRanges.prefixes.some((prefix) => prefixContains(prefix, source));
  return isListed === (sourceRanges.policy === 'allow');
}

function isMasqueraded(tables: LookupTables, packet: Packet, backend: BackendRow): boolean {
  const { source } = packet;
  // A packet for the node itself that came from elsewhere is delivered without passing postrouting.
  if (tables.own.has(backend.address) && !packet.sourceIsThisNode) return false;
  if (tables.rows.node.masqueradeAll || source === backend.address) return true;
  if (backend.nodeLocal) return false;
  return !prefixSetHas(tables.inside, source) || leavesMasqueraded(tables, source, backend.address);
}

/** Whether a pod's packet that goes on to this address leaves with the node's address (A69). */
export function leavesMasqueraded(tables: LookupTables, source: Address, destination: Address): boolean {
  return prefixSetHas(tables.masqueradeSources, source) && !prefixSetHas(tables.nonMasquerade, destination);
}

function withoutFrontend(tables: LookupTables, packet: Packet, inside: boolean): Decision {
  const met = { inside, service: null, frontend: null, list: null, candidates: [] } as const;
  if (tables.addresses.get(packet.destination)?.kind === 'clusterIP') {
    if (inside || tables.rows.node.externalClusterIp === 'reject') {
      return { ...met, verdict: 'rejected', step: 'undefined-port' };
    }
    return { ...met, verdict: 'dropped', step: 'external-cluster-ip' };
  }
  if (prefixSetHas(tables.serviceCidrs, packet.destination)) {
    return { ...met, verdict: 'dropped', step: 'unallocated' };
  }
  return { ...met, verdict: 'untouched', step: 'no-row' };
}
