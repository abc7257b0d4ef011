/** Random rows as compiling could make them: no two services share a frontend, lists are sorted and distinct. */
import fc from 'fast-check';
import {
  type Address,
  type Family,
  hostPrefix,
  mergePrefixes,
  type Prefix,
} from '../../src/model/address.ts';
import type { NodeName, ObjectName, Port, Protocol } from '../../src/model/names.ts';
import {
  type BackendRow,
  DEFAULT_BALANCING,
  DEFAULT_WEIGHT,
  type FrontendRow,
  type NodeRows,
  type Rows,
  type Scheduler,
  type ServiceAddressRow,
  type ServiceId,
  type ServiceRows,
  type Treatment,
} from '../../src/model/rows.ts';

export const NODE_PORT_RANGE = [30000, 32767] as unknown as readonly [Port, Port];

export function address(family: Family, network: number, host: number): Address {
  return (family === 'IPv4' ? `10.${network}.0.${host}` : `fd00:${network}::${host}`) as Address;
}

export function backend(family: Family, host: number, port: number, nodeLocal: boolean): BackendRow {
  return {
    address: address(family, nodeLocal ? 1 : 2, host),
    port: port as Port,
    weight: DEFAULT_WEIGHT,
    nodeLocal,
    nodeName: (nodeLocal ? 'here' : 'there') as NodeName,
    zone: null,
    pod: null,
  };
}

function backendLists(family: Family): fc.Arbitrary<readonly BackendRow[]> {
  return fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean(), fc.constantFrom(1, 1, 1, 5)), {
      maxLength: 5,
      selector: ([host]) => host,
    })
    .map((list) =>
      list
        .sort(([a], [b]) => a - b)
        .map(([host, local, weight]) => ({ ...backend(family, host, 8080, local), weight })),
    );
}

/** Service number `index` of a cluster: everything about it is random but its id and addresses. */
export function serviceRows(index: number, family: Family): fc.Arbitrary<ServiceRows> {
  return fc
    .record({
      cluster: backendLists(family),
      protocol: fc.constantFrom<Protocol>('TCP', 'UDP', 'SCTP'),
      affinitySeconds: fc.constantFrom(null, null, 10, 10_800),
      scheduler: fc.constantFrom<Scheduler>('random', 'random', 'rr', 'wrr', 'lc', 'sh', 'dh', 'nq'),
      external: fc.boolean(),
      nodePort: fc.boolean(),
      policy: fc.constantFrom<'cluster' | 'local'>('cluster', 'local'),
      ranges: fc.constantFrom<'none' | 'allow' | 'deny'>('none', 'allow', 'deny'),
    })
    .map(({ cluster, protocol, affinitySeconds, scheduler, external, nodePort, policy, ranges }) => {
      const local = cluster.filter(({ nodeLocal }) => nodeLocal);
      const inside: Treatment = cluster.length > 0 ? 'cluster' : 'reject';
      const fromOutside: Treatment = policy === 'cluster' ? inside : local.length > 0 ? 'local' : 'drop';
      const frontend = (kind: FrontendRow['kind'], at: Address | null, port: number, outside: Treatment) => ({
        kind,
        address: at,
        port: port as Port,
        inside,
        outside,
        elsewhere: kind === 'nodePort' && policy === 'cluster' ? inside : ('pass' as const),
        checkSources: kind === 'loadBalancerIP' && ranges !== 'none',
      });
      const name = `shop/service-${index}` as ObjectName;
      return {
        id: `${name}:http/${protocol}/${family}` as ServiceId,
        owner: name,
        displayName: `${name}:http`,
        protocol,
        family,
        frontends: [
          frontend('clusterIP', address(family, 96, index + 1), 80, 'pass'),
          ...(external ? [frontend('loadBalancerIP', address(family, 203, index + 1), 80, fromOutside)] : []),
          ...(nodePort ? [frontend('nodePort', null, 30000 + index, fromOutside)] : []),
        ],
        cluster,
        local,
        excluded: [],
        affinitySeconds,
        balancing: { ...DEFAULT_BALANCING, scheduler },
        sourceRanges:
          ranges === 'none'
            ? null
            : {
                policy: ranges,
                prefixes: mergePrefixes([hostPrefix(address(family, 203, 200)), network(family)]),
              },
      };
    });
}

function network(family: Family): Prefix {
  return (family === 'IPv4' ? '192.0.2.0/24' : '2001:db8:1::/64') as Prefix;
}

export function nodeRows(): fc.Arbitrary<NodeRows> {
  return fc
    .record({
      masqueradeAll: fc.boolean(),
      extra: fc.nat(3),
      externalClusterIp: fc.constantFrom<'reject' | 'drop'>('reject', 'drop'),
    })
    .map(({ masqueradeAll, extra, externalClusterIp }) => ({
      node: 'here' as NodeName,
      inside: mergePrefixes([
        '10.1.0.0/24',
        'fd00:1::/64',
        '172.31.0.2/32',
        'fd31::2/128',
        ...(extra > 1 ? ['10.1.1.0/25'] : []),
      ] as Prefix[]),
      nodePortAddresses: ['172.31.0.2/32', 'fd31::2/128'] as Prefix[],
      otherNodeAddresses: ['172.31.0.3', 'fd31::3'].slice(0, extra) as Address[],
      serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] as Prefix[],
      masqueradeSources: (extra % 2 === 0 ? ['10.1.0.0/24', 'fd00:1::/64'] : []) as Prefix[],
      nonMasquerade: (extra === 3 ? ['0.0.0.0/0', '::/0'] : ['10.0.0.0/8', 'fd00::/8']) as Prefix[],
      nodeAddresses: ['172.31.0.2', 'fd31::2'] as Address[],
      externalClusterIp,
      masqueradeAll,
      nodePortRange: NODE_PORT_RANGE,
    }));
}

/** A cluster of up to `most` services, each in one of the families. */
export function rowsArbitrary(most: number): fc.Arbitrary<Rows> {
  const one = (index: number) =>
    fc.constantFrom<Family>('IPv4', 'IPv6').chain((family) => serviceRows(index, family));
  return fc
    .record({ present: fc.subarray([...Array(most).keys()]), node: nodeRows() })
    .chain(({ present, node }) =>
      fc.tuple(...present.map(one)).map((services) => ({
        node,
        services: new Map(services.map((rows) => [rows.id, rows])),
        addresses: new Map(services.flatMap(addressRows).map((row) => [row.address, row])),
      })),
    );
}

function addressRows(rows: ServiceRows): readonly ServiceAddressRow[] {
  return rows.frontends.flatMap(({ kind, address: at }) =>
    at === null || kind === 'nodePort' || kind === 'hostPort'
      ? []
      : [{ address: at, owner: rows.owner, kind, pingable: rows.cluster.length > 0 }],
  );
}
