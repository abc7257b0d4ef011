/** What a connection from inside meets at each destination: by the rows, and by the tables as they are this very moment. */
import { unmappedAddress, unmappedPrefix } from '../../../../src/dataplane/bpf/mapped-address.ts';
import type { ServiceTerms } from '../../../../src/dataplane/bpf/services/served.ts';
import type { ServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import { slotSequence } from '../../../../src/dataplane/schedule/slot-sequence.ts';
import { type Decision, decide } from '../../../../src/explain/decide.ts';
import { lookupTables } from '../../../../src/explain/lookup-tables.ts';
import type { FrontendScope, Treatment } from '../../../../src/generated/policy.ts';
import { type Address, familyOf, formatEndpoint, prefixContains } from '../../../../src/model/address.ts';
import { compareText, type Port, type Protocol } from '../../../../src/model/names.ts';
import type { BackendRow, Scheduler } from '../../../../src/model/rows.ts';
import { DESTINATIONS, type State } from './service-walk.ts';

export interface Answer {
  /** In words; names all backends that are chosen from. */
  readonly words: string;
  /** Backends that a client with affinity keeps, with their weights; sorted. */
  readonly kept: readonly string[];
  readonly weights: readonly string[];
}

/** By destination. */
export type Answers = ReadonlyMap<string, Answer>;

interface Destination {
  readonly address: Address;
  readonly port: Port;
  readonly protocol: Protocol;
}

function answersOf(answer: (destination: Destination) => Answer): Answers {
  return new Map(
    DESTINATIONS.map((destination) => {
      const { address, port, protocol } = destination;
      return [`${formatEndpoint(address, port)}/${protocol}`, answer(destination)] as const;
    }),
  );
}

interface Member {
  readonly name: string;
  readonly weight: number;
}

/** `slots`: names of backends in the order of their slots. */
function served(slots: readonly string[], terms: ServiceTerms, kept: readonly Member[]): Answer {
  const members = [...kept].sort((a, b) => compareText(a.name, b.name));
  const { affinitySeconds, scheduler, slowStartSeconds, ejects } = terms;
  return {
    words: `${slots.join()} for ${affinitySeconds} s, ${scheduler}, slow for ${slowStartSeconds} s, ejects: ${ejects}`,
    kept: members.map(({ name }) => name),
    weights: members.map(({ name, weight }) => `${name} ${weight}`),
  };
}

function unserved(words: string): Answer {
  return { words, kept: [], weights: [] };
}

/** By the rows of Services of the one state and the node of the other. */
export function wantedAnswers(services: State, node: State): Answers {
  const rows = { ...services.rows, node: node.rows.node };
  const tables = lookupTables(rows, node.ownAddresses);
  return answersOf(({ address, port, protocol }) =>
    inWords(
      decide(tables, {
        source: '10.1.0.200' as Address,
        sourceIsThisNode: true,
        destination: address,
        port,
        protocol,
      }),
    ),
  );
}

function inWords({ verdict, step, service, list, candidates }: Decision): Answer {
  if (service === null || list === null) return unserved(`${verdict}: ${step}`);
  const { scheduler, slowStartSeconds, ejects } = service.balancing;
  const nameOf = ({ address, port }: BackendRow) => formatEndpoint(address, port);
  const slots = slotSequence(scheduler, service[list]).map(nameOf);
  const terms = { affinitySeconds: service.affinitySeconds ?? 0, slowStartSeconds, ejects };
  const kept = candidates.map(({ backend }) => ({ name: nameOf(backend), weight: backend.weight }));
  return served(slots, { ...terms, scheduler: CHOICES[scheduler] }, kept);
}

const CHOICES: Readonly<Record<Scheduler, ServiceTerms['scheduler']>> = {
  random: 'random',
  rr: 'turns',
  wrr: 'turns',
  sh: 'client-hash',
  maglev: 'client-hash',
  dh: 'destination-hash',
  lc: 'least-connections',
  wlc: 'weighted-least-connections',
  sed: 'shortest-delay',
  nq: 'never-queue',
};

const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const UNSPECIFIED = { IPv4: '0.0.0.0', IPv6: '::' } as const;

/** By the tables, as bpf/lib/service.h reads them. */
export async function installedAnswers(tables: ServiceTables): Promise<Answers> {
  const all = await readAll(tables);
  return answersOf((destination) => {
    const { address } = destination;
    const any = UNSPECIFIED[familyOf(address)];
    const frontend = (scope: FrontendScope, at: string) =>
      all.frontends.get(`${scope} ${at} ${destination.port} ${PROTOCOL_NUMBERS[destination.protocol]}`);
    const inside = (scope: FrontendScope, at: string) => treated(all, frontend(scope, at), 'inside');
    const kind = all.nodes.get(address)?.kind;
    const isOwn = kind === 'own' || kind === 'served';
    return (
      inside('exact', address) ??
      (isOwn ? (inside('host-port', address) ?? inside('host-port', any)) : undefined) ??
      (kind === 'served' ? inside('node-port', any) : undefined) ??
      (kind === 'other' ? treated(all, frontend('node-port', any), 'elsewhere') : undefined) ??
      withoutFrontend(all, address)
    );
  });
}

type All = Awaited<ReturnType<typeof readAll>>;

async function readAll(tables: ServiceTables) {
  const [frontends, services, slots, backends, addresses, prefixes, nodes] = await Promise.all([
    tables.frontends.entries(),
    tables.services.entries(),
    tables.slots.entries(),
    tables.backends.entries(),
    tables.addresses.entries(),
    tables.prefixes.entries(),
    tables.nodeAddresses.entries(),
  ]);
  return {
    frontends: new Map(
      frontends.map(([{ scope, address, port, protocol }, value]) => [
        `${scope} ${unmappedAddress(address)} ${port} ${protocol}`,
        value,
      ]),
    ),
    services: new Map(services),
    slots: new Map(
      slots.map(([{ service, generation, list, slot }, { backend }]) => [
        `${service} ${generation} ${list} ${slot}`,
        backend,
      ]),
    ),
    backends: new Map(
      backends.map(([number, { address, port, service, weight, lists }]) => [
        number,
        { name: formatEndpoint(unmappedAddress(address), port), service, weight, lists },
      ]),
    ),
    addresses: new Map(addresses.map(([address, value]) => [unmappedAddress(address), value])),
    prefixes: prefixes.map(([key]) => unmappedPrefix(key)),
    nodes: new Map(nodes.map(([address, value]) => [unmappedAddress(address), value])),
  };
}

/** undefined: such packets don't meet the frontend. */
function treated(
  all: All,
  frontend:
    | { readonly service: number; readonly inside: Treatment; readonly elsewhere: Treatment }
    | undefined,
  side: 'inside' | 'elsewhere',
): Answer | undefined {
  const treatment = frontend?.[side] ?? 'pass';
  if (frontend === undefined || treatment === 'pass') return undefined;
  if (treatment === 'reject') return unserved('rejected: frontend');
  if (treatment === 'drop') return unserved('dropped: frontend');
  const service = all.services.get(frontend.service);
  const list = treatment === 'cluster' ? 0 : 1;
  const count = service?.slots[list] ?? 0;
  if (service === undefined || count === 0)
    return unserved(`dangling: service ${frontend.service}, ${treatment}`);
  const chosen = Array.from({ length: count }, (_, slot) => {
    const number = all.slots.get(`${frontend.service} ${service.generation} ${treatment} ${slot}`);
    const backend = all.backends.get(number ?? 0);
    return backend?.service === frontend.service ? backend.name : `dangling: slot ${slot}`;
  });
  const kept = [...all.backends.values()].filter(
    ({ service: owner, lists }) => owner === frontend.service && lists & (1 << list),
  );
  return served(chosen, { ...service, ejects: service.ejects === 1 }, kept);
}

function withoutFrontend({ addresses, prefixes }: All, address: Address): Answer {
  if (addresses.get(address)?.kind === 'cluster-ip') return unserved('rejected: undefined-port');
  const isServices = prefixes.some((prefix) => prefixContains(prefix, address));
  return unserved(isServices ? 'dropped: unallocated' : 'untouched: no-row');
}
