/** Random rows of a few Services that share addresses, ports and backends, and trade their frontends. */

import fc from 'fast-check';
import type { ServiceChange } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import type { Address, Family, Prefix } from '../../../../src/model/address.ts';
import type { NodeName, ObjectName, Port, Protocol } from '../../../../src/model/names.ts';
import {
  type BackendRow,
  DEFAULT_BALANCING,
  DEFAULT_WEIGHT,
  type FrontendKind,
  type FrontendRow,
  type NodeRows,
  type Rows,
  type Scheduler,
  type ServiceId,
  type ServiceRows,
  type Treatment,
} from '../../../../src/model/rows.ts';
import { NODE_ROWS } from '../../../agent/rows-samples.ts';
import { changeBetween } from '../../row-changes.ts';

/** What a node's tables are made from. */
export interface State {
  readonly rows: Rows;
  readonly ownAddresses: readonly Address[];
}

interface Place {
  readonly kind: FrontendKind;
  readonly address: Address | null;
  readonly port: Port;
}

interface Pool {
  readonly family: Family;
  readonly protocol: Protocol;
  /** Services that these frontends go round between. */
  readonly services: readonly ServiceId[];
  readonly places: readonly Place[];
  readonly backends: readonly BackendRow[];
}

const OWN = ['172.31.0.2', '10.0.0.5', 'fd31::2'] as Address[];
const OTHER = ['172.31.0.3', 'fd31::3'] as Address[];
const CLUSTER_IPS = ['10.96.0.1', '10.96.0.2', 'fd00:96::1'] as Address[];
const EXTERNAL = '203.0.113.1' as Address;

/** Every address and port that a row may speak of, and some that none does. */
export const DESTINATIONS = [...OWN, ...OTHER, ...CLUSTER_IPS, EXTERNAL, '10.96.0.9' as Address].flatMap(
  (address) =>
    [80, 443, 8080, 30_000, 30_001].flatMap((port) =>
      (['TCP', 'UDP'] as const).map((protocol) => ({ address, port: port as Port, protocol })),
    ),
);

const place = (kind: FrontendKind, address: string | null, port: number): Place => ({
  kind,
  address: address as Address | null,
  port: port as Port,
});

function backend(address: string, port: number): BackendRow {
  return {
    address: address as Address,
    port: port as Port,
    weight: DEFAULT_WEIGHT,
    nodeLocal: false,
    nodeName: null,
    zone: null,
    pod: null,
  };
}

const POOLS: readonly Pool[] = [
  {
    family: 'IPv4',
    protocol: 'TCP',
    services: ['n/a:p/TCP/IPv4', 'n/b:p/TCP/IPv4', 'n/c:p/TCP/IPv4'] as ServiceId[],
    places: [
      place('clusterIP', '10.96.0.1', 80),
      place('clusterIP', '10.96.0.1', 443),
      place('clusterIP', '10.96.0.2', 80),
      place('externalIP', EXTERNAL, 80),
      place('nodePort', null, 30_000),
      place('nodePort', null, 30_001),
      place('hostPort', null, 8080),
      // Nowhere does one row shine through where another goes: a look-up would meet the one's old and the other's new.
      place('hostPort', '172.31.0.2', 80),
    ],
    backends: [1, 2, 3, 4].map((host) => backend(`10.1.0.${host}`, 8080)).concat(backend('10.1.0.1', 9090)),
  },
  {
    family: 'IPv6',
    protocol: 'UDP',
    services: ['n/a:q/UDP/IPv6', 'n/b:q/UDP/IPv6'] as ServiceId[],
    places: [
      place('clusterIP', 'fd00:96::1', 80),
      place('loadBalancerIP', '2001:db8::1', 80),
      place('nodePort', null, 30_000),
      place('hostPort', null, 8080),
    ],
    backends: [1, 2, 3].map((host) => backend(`fd00:1::${host}`, 8080)),
  },
];

const subset = <Value>(values: readonly Value[]) => fc.subarray([...values]);

type Choice = Pick<ServiceRows, 'cluster' | 'local' | 'affinitySeconds' | 'balancing'> & {
  readonly weights: readonly number[];
};

const NO_CHOICE: Choice = {
  cluster: [],
  local: [],
  affinitySeconds: null,
  balancing: DEFAULT_BALANCING,
  weights: [],
};

/** An endpoint has one weight in both lists. */
function weighted({ cluster, local, weights, ...rest }: Choice = NO_CHOICE): Omit<Choice, 'weights'> {
  const all = [...new Set([...cluster, ...local])];
  const heavy = new Map(all.map((each, index) => [each, { ...each, weight: weights[index] ?? 1 }]));
  const of = (list: readonly BackendRow[]) => list.map((each) => heavy.get(each) ?? each);
  return { cluster: of(cluster), local: of(local), ...rest };
}

/** Services of a pool: who has which frontend, how packets to it are treated, and who answers. */
function servicesOf({ family, protocol, services, places, backends }: Pool): fc.Arbitrary<ServiceRows[]> {
  const lists = fc.record({
    cluster: subset(backends),
    local: subset(backends),
    affinitySeconds: fc.constantFrom(null, null, 10, 10_800),
    weights: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 5, maxLength: 5 }),
    balancing: fc.record({
      scheduler: fc.constantFrom<Scheduler>('random', 'rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'sed', 'nq'),
      slowStartSeconds: fc.constantFrom(0, 30),
      ejects: fc.boolean(),
      retries: fc.boolean(),
      terminateAfterSeconds: fc.constant(null),
    }),
  });
  return fc
    .record({
      lists: fc.array(lists, { minLength: services.length, maxLength: services.length }),
      owners: fc.array(fc.nat(services.length), { minLength: places.length, maxLength: places.length }),
      inside: fc.array(fc.nat(), { minLength: places.length, maxLength: places.length }),
      elsewhere: fc.array(fc.nat(), { minLength: places.length, maxLength: places.length }),
    })
    .map((choice) =>
      services.flatMap((id, index): ServiceRows[] => {
        const own = weighted(choice.lists[index]);
        const treatment = (from: number | undefined): Treatment => {
          const possible: readonly Treatment[] = [
            'pass',
            'reject',
            'drop',
            ...(own.cluster.length > 0 ? (['cluster', 'cluster', 'cluster'] as const) : []),
            ...(own.local.length > 0 ? (['local', 'local'] as const) : []),
          ];
          return possible[(from ?? 0) % possible.length] ?? 'pass';
        };
        const frontends = places.flatMap((at, number): FrontendRow[] =>
          choice.owners[number] === index
            ? [
                {
                  ...at,
                  inside: treatment(choice.inside[number]),
                  outside: 'pass',
                  elsewhere: at.kind === 'nodePort' ? treatment(choice.elsewhere[number]) : 'pass',
                  checkSources: false,
                },
              ]
            : [],
        );
        const owner = id.slice(0, id.indexOf(':')) as ObjectName;
        const rest = {
          excluded: [],
          sourceRanges: null,
          owner,
          displayName: owner,
        };
        return frontends.length === 0 ? [] : [{ id, family, protocol, frontends, ...own, ...rest }];
      }),
    );
}

const anyNode: fc.Arbitrary<NodeRows> = fc
  .record({
    nodePortAddresses: subset(['172.31.0.0/16', '10.0.0.5/32', 'fd31::2/128'] as Prefix[]),
    otherNodeAddresses: subset(OTHER),
    serviceCidrs: subset(['10.96.0.0/16', 'fd00:96::/112'] as Prefix[]),
    nodeAddresses: subset(OWN),
  })
  .map((node) => ({
    ...node,
    node: 'here' as NodeName,
    inside: [],
    masqueradeSources: [],
    nonMasquerade: [],
    externalClusterIp: 'drop',
    masqueradeAll: false,
    nodePortRange: [30_000, 32_767] as unknown as readonly [Port, Port],
  }));

/** Any state of a node. */
export const anyState: fc.Arbitrary<State> = fc
  .record({
    services: fc.tuple(...POOLS.map(servicesOf)),
    node: anyNode,
    ownAddresses: subset(OWN),
    pingable: fc.boolean(),
  })
  .map(({ services, node, ownAddresses, pingable }) => {
    const all = services.flat();
    const addresses = all.flatMap(({ owner, frontends }) =>
      frontends.flatMap(({ kind, address }) =>
        address === null || kind === 'nodePort' || kind === 'hostPort'
          ? []
          : [[address, { address, owner, kind, pingable }] as const],
      ),
    );
    return {
      rows: {
        services: new Map(all.map((rows) => [rows.id, rows] as const)),
        addresses: new Map(addresses),
        node,
      },
      ownAddresses,
    };
  });

/** The Service `n/NAME` at port 80 of a cluster IP, with so many backends. */
function clusterIpService(name: string, clusterIp: string, backends: number): ServiceRows {
  const owner = `n/${name}` as ObjectName;
  return {
    id: `${owner}:p/TCP/IPv4` as ServiceId,
    owner,
    displayName: `${owner}:p`,
    family: 'IPv4',
    protocol: 'TCP',
    frontends: [
      {
        ...place('clusterIP', clusterIp, 80),
        inside: 'cluster',
        outside: 'pass',
        elsewhere: 'pass',
        checkSources: false,
      },
    ],
    cluster: Array.from({ length: backends }, (_, index) =>
      backend(`10.${2 + (index >> 8)}.0.${index & 255}`, 8080),
    ),
    local: [],
    affinitySeconds: null,
    balancing: DEFAULT_BALANCING,
    excluded: [],
    sourceRanges: null,
  };
}

/** A state without Services; the node has neither addresses nor peers. */
export const NOTHING: State = {
  rows: {
    services: new Map(),
    addresses: new Map(),
    node: NODE_ROWS,
  },
  ownAddresses: [],
};

/** A state in which these Services have so many backends, on port 80 of a cluster IP each. */
export function serving(names: readonly string[], backends = 1): State {
  const services = names.map((name) =>
    clusterIpService(name, `10.96.0.${'abc'.indexOf(name) + 1}`, backends),
  );
  return {
    rows: {
      ...NOTHING.rows,
      services: new Map(services.map((rows) => [rows.id, rows] as const)),
      addresses: new Map(
        services.flatMap(({ owner, frontends }) =>
          frontends.flatMap(({ address }) =>
            address === null
              ? []
              : [[address, { address, owner, kind: 'clusterIP' as const, pingable: true }] as const],
          ),
        ),
      ),
    },
    ownAddresses: [],
  };
}

/** The rows of both; where both have a Service, those of the second. */
export function merged(one: Rows, other: Rows): Rows {
  return {
    ...one,
    services: new Map([...one.services, ...other.services]),
    addresses: new Map([...one.addresses, ...other.addresses]),
  };
}

/** What leads from one state to another. */
export function changeOf(before: State, after: State): ServiceChange {
  return { rows: changeBetween(before.rows, after.rows), ownAddresses: after.ownAddresses };
}
