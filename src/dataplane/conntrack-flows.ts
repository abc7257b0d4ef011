/** Open flows of local pods as the kernel's connection tracking knows them: behind translation, before masquerading. */
import {
  type ConntrackEntry,
  type ConntrackPlace,
  listConntrack,
  type TcpState,
} from '../kernel/conntrack.ts';
import { listAddresses } from '../kernel/network.ts';
import { type Address, FAMILIES, formatEndpoint } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { OpenFlow } from './open-flow.ts';

/** Connections that can still carry something. */
const OPEN_STATES: ReadonlySet<TcpState> = new Set(['established', 'fin-wait', 'close-wait']);

/** `pods`: who has the addresses of local pods. Rejects with an Error that has `code` and `syscall`. */
export async function readConntrackFlows(
  pods: ReadonlyMap<Address, ObjectName>,
  place: ConntrackPlace,
): Promise<readonly OpenFlow[]> {
  const own = new Set((await listAddresses(place)).map(({ address }) => address));
  const flows: OpenFlow[] = [];
  for (const family of FAMILIES)
    for (const entry of await listConntrack({ family }, place)) flows.push(...flowsOfEntry(entry, pods, own));
  return flows;
}

/** One for each end that is a local pod. `own`: addresses of the node, which reaches its own pods whatever policies say. */
export function flowsOfEntry(
  entry: ConntrackEntry,
  pods: ReadonlyMap<Address, ObjectName>,
  own: ReadonlySet<Address>,
): readonly OpenFlow[] {
  const { original, reply, protocolNumber: protocol, tcpState } = entry;
  if (tcpState !== null && !OPEN_STATES.has(tcpState)) return [];
  const client = pods.get(original.source);
  const server = pods.get(reply.source);
  if (client !== undefined && client === server) return [];
  const [from, to] = [
    { address: original.source, port: original.sourcePort },
    { address: reply.source, port: reply.sourcePort },
  ];
  const asked = { address: original.destination, port: original.destinationPort };
  const isDirect = formatEndpoint(asked.address, asked.port) === formatEndpoint(to.address, to.port);
  const dialled = isDirect ? null : asked;
  return [
    ...(client === undefined ? [] : [flowAt('egress', from, to, { protocol, dialled })]),
    ...(server === undefined || own.has(from.address)
      ? []
      : [flowAt('ingress', to, from, { protocol, dialled })]),
  ];
}

interface End {
  readonly address: Address;
  readonly port: number;
}

function flowAt(
  direction: OpenFlow['direction'],
  local: End,
  peer: End,
  rest: Pick<OpenFlow, 'protocol' | 'dialled'>,
): OpenFlow {
  return {
    direction,
    local: local.address,
    localPort: local.port,
    peer: peer.address,
    peerPort: peer.port,
    ...rest,
  };
}
