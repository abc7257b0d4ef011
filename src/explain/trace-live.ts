/** `weir trace --live`: whom the next connection would be given, by what stands in the kernel at this moment. */
import type { LiveChoices } from '../dataplane/bpf/sockets/live-choices.ts';
import { givenSchedulers } from '../dataplane/given-schedulers.ts';
import { slotSequence } from '../dataplane/schedule/slot-sequence.ts';
import { formatEndpoint } from '../model/address.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import { expandProbes, type Probe } from '../model/probe-expansion.ts';
import { transportOf } from '../model/probe-request.ts';
import type { ServiceRows } from '../model/rows.ts';
import { type Decision, decide } from './decide.ts';
import { liveText, shareText } from './live-text.ts';
import { addressesOfNode, type LookupTables, lookupTables } from './lookup-tables.ts';
import { type InstalledRows, type TraceInput, traceManifests } from './trace.ts';
import type { TraceAnswer, TraceLine } from './trace-line.ts';

/** A backend, and how likely the connection goes there. */
export interface LiveChance {
  /** `address:port`. */
  readonly endpoint: string;
  /** Above 0, 1 where it is certain. */
  readonly chance: number;
}

export interface LiveAnswer {
  /** Who chooses: the program at the socket, or nft when the packet comes. */
  readonly by: 'sockets' | 'packets';
  /** The likeliest first; empty where nobody can tell. */
  readonly chances: readonly LiveChance[];
  /** Backends that are left out of choice now, and why. */
  readonly passedOver: readonly { readonly endpoint: string; readonly why: string }[];
  /** One readable line. */
  readonly why: string;
}

/** An answer with what comes next; null where no Service leads the connection on at the agent's node. */
export interface LiveTraceAnswer extends TraceAnswer {
  readonly live: LiveAnswer | null;
}

export type LiveTraceLine = LiveTraceAnswer | Exclude<TraceLine, TraceAnswer>;

/** An agent's sockets. */
export interface LiveSockets {
  readonly choices: Pick<LiveChoices, 'ask'>;
  readonly nodeOnly: boolean;
  /** Pods that are left to nft. */
  readonly exempt: ReadonlySet<ObjectName>;
}

export interface LiveTraceInput extends TraceInput {
  readonly installed: InstalledRows;
  /** null: they are not served. */
  readonly sockets: LiveSockets | null;
}

/** Traces by the rows that the agent has, and asks its tables. */
export async function traceLive(input: LiveTraceInput): Promise<readonly LiveTraceLine[]> {
  const { installed, objects, requests } = input;
  const tables = lookupTables(installed.rows, addressesOfNode(objects, installed.node));
  const probes = expandProbes(requests, objects);
  const answered: LiveTraceLine[] = [];
  for (const [index, line] of traceManifests(input).entries()) {
    const probe = probes[index];
    if ('error' in line) answered.push(line);
    else if (probe === undefined || 'error' in probe) answered.push({ ...line, live: null });
    else answered.push({ ...line, live: await liveAnswer(input, tables, probe) });
  }
  return answered;
}

async function liveAnswer(
  input: LiveTraceInput,
  tables: LookupTables,
  probe: Probe,
): Promise<LiveAnswer | null> {
  const decision = decisionOf(tables, input.installed.node, probe);
  const { service, list } = decision ?? {};
  if (!service || !list) return null;
  return (await askSockets(input.sockets, tables, service, list, probe)) ?? packetsAnswer(service, list);
}

/** null where the agent's node does not lead it on. */
function decisionOf(tables: LookupTables, node: NodeName, probe: Probe): Decision | null {
  const protocol = transportOf(probe.protocol);
  if (protocol === null || probe.port === null || probe.node !== node) return null;
  return decide(tables, {
    source: probe.sourceAddress,
    sourceIsThisNode: probe.source.kind !== 'external' && tables.own.has(probe.sourceAddress),
    destination: probe.address,
    port: probe.port,
    protocol,
  });
}

/** null where packets decide. */
async function askSockets(
  sockets: LiveSockets | null,
  { own }: LookupTables,
  service: ServiceRows,
  list: 'cluster' | 'local',
  { source, sourceAddress, sourcePort, address }: Probe,
): Promise<LiveAnswer | null> {
  const { protocol } = service;
  if (sockets === null || protocol === 'SCTP' || source.kind === 'external') return null;
  // A socket that chose its port is left to nft.
  if (sourcePort !== null && protocol === 'TCP') return null;
  const isOfPod = source.kind === 'pod' && !own.has(sourceAddress);
  if (isOfPod && (sockets.nodeOnly || sockets.exempt.has(source.pod))) return null;
  const question = { service: service.id, list, source: sourceAddress, dialled: address, protocol };
  const choice = await sockets.choices.ask(question);
  if (choice === 'no-socket') return null;
  if (choice === 'no-rows') {
    const answer = packetsAnswer(service, list);
    return { ...answer, why: `${answer.why} (sockets have no rows of it: being written, or without room)` };
  }
  return { by: 'sockets', ...liveText(choice) };
}

/** Where nft stands with its turns, and what it remembers and hashes, can't be asked. */
function packetsAnswer(service: ServiceRows, list: 'cluster' | 'local'): LiveAnswer {
  const { packets } = givenSchedulers(service, { sockets: false, packets: true });
  const nobody = { by: 'packets', chances: [], passedOver: [] } as const;
  if (packets === null || ['sh', 'dh', 'maglev'].includes(packets))
    return { ...nobody, why: `${packets}: by a hash that nft does not tell` };
  const slots = slotSequence(packets, service[list]).map(({ address, port }) =>
    formatEndpoint(address, port),
  );
  const chances = [...Map.groupBy(slots, (endpoint) => endpoint)]
    .map(([endpoint, own]) => ({ endpoint, chance: own.length / slots.length }))
    .sort((a, b) => b.chance - a.chance);
  const unless = service.affinitySeconds === null ? '' : ', unless nft remembers the client';
  const how = packets === 'random' ? 'at random' : 'in turns that nft does not tell';
  return { ...nobody, chances, why: `${shareText(chances)}: ${how}${unless}` };
}
