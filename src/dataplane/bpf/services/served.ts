/** What connections that begin on this node meet of a Service port: its rows without what only other nodes' packets ask for. */
import { hash } from 'node:crypto';
import type { Backend, Frontend, FrontendKey, FrontendScope, Service } from '../../../generated/policy.ts';
import type { Address, Family } from '../../../model/address.ts';
import type { Port } from '../../../model/names.ts';
import type {
  BackendRow,
  FrontendKind,
  Scheduler,
  ServiceId,
  ServiceRows,
  Treatment,
} from '../../../model/rows.ts';
import { slotSequence } from '../../schedule/slot-sequence.ts';
import { mappedBytes, unmappedAddress } from '../mapped-address.ts';
import { PROTOCOL_NUMBERS } from '../protocol-numbers.ts';

/** Where an endpoint listens, and its share beside others. */
export type Endpoint = Pick<BackendRow, 'address' | 'port' | 'weight'>;

export interface ServedFrontend {
  readonly scope: FrontendScope;
  /** Unspecified: any address that the scope speaks of. */
  readonly address: Address;
  readonly port: Port;
  /** IP protocol number. */
  readonly protocol: number;
  readonly inside: Treatment;
  readonly elsewhere: Treatment;
}

/** Endpoints by the number of their list (enum slot_list), in slots as the scheduler has them: one may be in several. */
export type Lists = readonly [cluster: readonly Endpoint[], local: readonly Endpoint[]];

/** What a Service's row says beside its slots. */
export interface ServiceTerms extends Pick<Service, 'affinitySeconds' | 'slowStartSeconds' | 'scheduler'> {
  readonly ejects: boolean;
}

export interface Served {
  readonly frontends: readonly ServedFrontend[];
  readonly lists: Lists;
  readonly terms: ServiceTerms;
}

export const NOTHING_SERVED: Served = {
  frontends: [],
  lists: [[], []],
  terms: { affinitySeconds: 0, slowStartSeconds: 0, scheduler: 'random', ejects: false },
};

const UNSPECIFIED: Readonly<Record<Family, Address>> = { IPv4: '0.0.0.0' as Address, IPv6: '::' as Address };
const SCOPES: Readonly<Record<FrontendKind, FrontendScope>> = {
  clusterIP: 'exact',
  loadBalancerIP: 'exact',
  externalIP: 'exact',
  hostPort: 'host-port',
  nodePort: 'node-port',
};
/** How the programs choose from slots that are arranged for the scheduler. */
const CHOICES: Readonly<Record<Scheduler, Service['scheduler']>> = {
  random: 'random',
  rr: 'turns',
  wrr: 'turns',
  lc: 'least-connections',
  wlc: 'weighted-least-connections',
  sh: 'client-hash',
  dh: 'destination-hash',
  sed: 'shortest-delay',
  nq: 'never-queue',
  maglev: 'client-hash',
};
const DIGEST_BYTES = 16;

/** Lists that no frontend chooses from are left out. */
export function servedBy(rows: ServiceRows): Served {
  const frontends = rows.frontends
    .map(
      ({ kind, address, port, inside, elsewhere }): ServedFrontend => ({
        scope: SCOPES[kind],
        address: address ?? UNSPECIFIED[rows.family],
        port,
        protocol: PROTOCOL_NUMBERS[rows.protocol],
        inside,
        elsewhere: kind === 'nodePort' ? elsewhere : 'pass',
      }),
    )
    .filter(({ inside, elsewhere }) => inside !== 'pass' || elsewhere !== 'pass');
  const isChosen = (list: Treatment) =>
    frontends.some(({ inside, elsewhere }) => inside === list || elsewhere === list);
  const { scheduler, slowStartSeconds, ejects } = rows.balancing;
  const slots = (list: 'cluster' | 'local') => (isChosen(list) ? slotSequence(scheduler, rows[list]) : []);
  const affinitySeconds = rows.affinitySeconds ?? 0;
  return {
    frontends,
    lists: [slots('cluster'), slots('local')],
    terms: { affinitySeconds, slowStartSeconds, scheduler: CHOICES[scheduler], ejects },
  };
}

/** Whether a connection is given to a backend. */
export function chooses(treatment: Treatment): boolean {
  return treatment === 'cluster' || treatment === 'local';
}

/** What a frontend is looked up by, as text: no two Services share one. */
export function frontendName({ scope, address, port, protocol }: ServedFrontend): string {
  return `${scope} ${address} ${port} ${protocol}`;
}

export function frontendEntry(frontend: ServedFrontend, service: number): readonly [FrontendKey, Frontend] {
  const { inside, elsewhere } = frontend;
  return [frontendKey(frontend), { service, inside, elsewhere }];
}

export function frontendKey({ scope, address, port, protocol }: ServedFrontend): FrontendKey {
  return { address: mappedBytes(address), port, protocol, scope };
}

/** Inverse of `frontendEntry`. */
export function servedFrontend([key, { inside, elsewhere }]: readonly [
  FrontendKey,
  Frontend,
]): ServedFrontend {
  const { scope, port, protocol } = key;
  return { scope, address: unmappedAddress(key.address), port: port as Port, protocol, inside, elsewhere };
}

export function endpointName({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}

/** `lists`: bit n says that it is in the list n. `since`: the second of CLOCK_MONOTONIC in which it joined; 0: it always was there. */
export function backendValue(
  { address, port, weight }: Endpoint,
  service: number,
  since: number,
  lists: number,
): Backend {
  return { address: mappedBytes(address), service, since, port, weight, lists };
}

/** What a Service's number is found again by (struct service_name). */
export function digestOf(service: ServiceId): Uint8Array {
  return hash('sha256', service, 'buffer').subarray(0, DIGEST_BYTES);
}
