/**
 * Conntrack remembers decisions. Which of those must be forgotten after a change: datagram flows to a backend that is
 * no longer chosen (A60), and what began before its Service existed (A61); of TCP, only attempts that nobody answered.
 * Established TCP connections are left to end by themselves, to whomever they go (A48).
 */

import type { ConntrackFilter } from '../../kernel/conntrack.ts';
import { familyOf } from '../../model/address.ts';
import type { NodeRows } from '../../model/rows.ts';
import type { ServedFlows } from './served-flows.ts';

type Frontend = ServedFlows['frontends'][number];

/** Filters for one service's change; null stands for "was not there" or "is gone". */
export function staleFlows(
  before: ServedFlows | null,
  after: ServedFlows | null,
  node: NodeRows,
): readonly ConntrackFilter[] {
  return [
    ...(before === null ? [] : lostFrontends(before, after)),
    ...(before === null ? [] : lostBackends(before, after)),
    ...(after === null ? [] : newFrontends(before, after, node)),
  ];
}

/** TCP: only attempts that nobody answered; their next SYN then finds another backend. */
function forgettable({ protocol }: ServedFlows): Partial<ConntrackFilter> {
  return protocol === 'TCP' ? { tcpStates: ['syn-sent'] } : {};
}

function lostFrontends(before: ServedFlows, after: ServedFlows | null): readonly ConntrackFilter[] {
  const kept = names(after?.frontends ?? []);
  return before.frontends
    .filter((frontend) => !kept.has(nameOf(frontend)))
    .map((frontend) => ({ ...matchFrontend(before, frontend), ...forgettable(before), natted: true }));
}

function lostBackends(before: ServedFlows, after: ServedFlows | null): readonly ConntrackFilter[] {
  const kept = names(after?.backends ?? []);
  const lost = before.backends.filter((backend) => !kept.has(nameOf(backend)));
  return lost.flatMap(({ address, port }) =>
    before.frontends.map((frontend) => ({
      ...matchFrontend(before, frontend),
      ...forgettable(before),
      natted: true,
      replySource: address,
      replySourcePort: port,
    })),
  );
}

/**
 * Flows that went untranslated to what is a frontend now. For node ports only this node's addresses count: what went to
 * another node is translated there.
 */
function newFrontends(
  before: ServedFlows | null,
  after: ServedFlows,
  node: NodeRows,
): readonly ConntrackFilter[] {
  const served = names(before?.frontends ?? []);
  return after.frontends
    .filter((frontend) => !served.has(nameOf(frontend)))
    .flatMap((frontend) => addressesOf(frontend, after, node))
    .map((frontend) => ({ ...matchFrontend(after, frontend), ...forgettable(after), natted: false }));
}

function addressesOf(frontend: Frontend, { family }: ServedFlows, node: NodeRows): readonly Frontend[] {
  if (frontend.address !== null) return [frontend];
  return node.nodeAddresses
    .filter((address) => familyOf(address) === family)
    .map((address) => ({ ...frontend, address }));
}

function matchFrontend({ family, protocol }: ServedFlows, { address, port }: Frontend): ConntrackFilter {
  const filter = { family, protocol, originalDestinationPort: port };
  return address === null ? filter : { ...filter, originalDestination: address };
}

function names(endpoints: readonly Frontend[]): ReadonlySet<string> {
  return new Set(endpoints.map(nameOf));
}

function nameOf({ address, port }: Frontend): string {
  return `${address ?? '*'} ${port}`;
}
