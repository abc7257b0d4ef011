/** Rows of Services for packets of these tests, in a few words. */
import { type Address, FAMILIES, type Family, type Prefix } from '../../src/model/address.ts';
import type { NodeName, ObjectName, Port, Protocol } from '../../src/model/names.ts';
import {
  type BackendRow,
  DEFAULT_BALANCING,
  DEFAULT_WEIGHT,
  type FrontendRow,
  type NodeRows,
  type Rows,
  type ServiceAddressRow,
  type ServiceId,
  type ServiceRows,
  type Treatment,
} from '../../src/model/rows.ts';
import { address } from './packets.ts';
import { FRIEND } from './pod.ts';

export interface ServiceWords {
  readonly name: string;
  readonly family: Family;
  readonly protocol?: Protocol;
  /** `null`: a node port. */
  readonly at: Address | null;
  readonly port: number;
  readonly kind?: FrontendRow['kind'];
  readonly inside?: Treatment;
  readonly elsewhere?: Treatment;
  /** `[address, port]` of each. */
  readonly backends?: readonly (readonly [Address, number])[];
  readonly local?: readonly (readonly [Address, number])[];
  readonly affinitySeconds?: number;
}

/** This node's addresses; the last one of each family has no node ports. */
export const OWN = ['172.31.0.1', '172.31.1.1', 'fd31::1', 'fd31:1::1'].map(address);
export const OTHER_NODE = { IPv4: address('172.31.0.2'), IPv6: address('fd31::2') } as const;
/** Of a Service of each test's own. */
export const VIP = { IPv4: address('10.96.0.10'), IPv6: address('fd96::10') } as const;
/** Whom a pod sees that is its own backend. */
export const MIRROR = { IPv4: address('169.254.90.90'), IPv6: address('fd77:6569:7200::1') } as const;
/** In the Service CIDRs, of no Service. */
export const UNALLOCATED = { IPv4: address('10.96.0.99'), IPv6: address('fd96::99') } as const;

export function serviceOf(words: ServiceWords): ServiceRows {
  const { name, family, protocol = 'TCP', inside = 'cluster', elsewhere = 'pass' } = words;
  return {
    id: `shop/${name}:/${protocol}/${family}` as ServiceId,
    owner: `shop/${name}` as ObjectName,
    displayName: `shop/${name}`,
    protocol,
    family,
    frontends: [
      {
        kind: words.kind ?? (words.at === null ? 'nodePort' : 'clusterIP'),
        address: words.at,
        port: words.port as Port,
        inside,
        outside: inside,
        elsewhere,
        checkSources: false,
      },
    ],
    cluster: (words.backends ?? []).map(backendRow),
    local: (words.local ?? []).map(backendRow),
    excluded: [],
    affinitySeconds: words.affinitySeconds ?? null,
    balancing: DEFAULT_BALANCING,
    sourceRanges: null,
  };
}

function backendRow([backend, port]: readonly [Address, number]): BackendRow {
  return {
    address: backend,
    port: port as Port,
    weight: DEFAULT_WEIGHT,
    nodeLocal: false,
    nodeName: null,
    zone: null,
    pod: null,
  };
}

/** All rows of a node with these Services; their cluster IPs can be pinged. */
export function serviceRows(services: readonly ServiceRows[]): Rows {
  const addresses = services.flatMap(({ owner, frontends }) =>
    frontends.flatMap(({ kind, address: at }): ServiceAddressRow[] =>
      at === null || kind === 'nodePort' || kind === 'hostPort'
        ? []
        : [{ address: at, owner, kind, pingable: true }],
    ),
  );
  return {
    services: new Map(services.map((service) => [service.id, service])),
    addresses: new Map(addresses.map((row) => [row.address, row])),
    node: NODE_ROWS,
  };
}

const NODE_ROWS: NodeRows = {
  node: 'n1' as NodeName,
  inside: [],
  nodePortAddresses: ['172.31.0.0/24' as Prefix, 'fd31::/64' as Prefix],
  otherNodeAddresses: FAMILIES.map((family) => OTHER_NODE[family]),
  serviceCidrs: ['10.96.0.0/16' as Prefix, 'fd96::/112' as Prefix],
  masqueradeSources: [],
  nonMasquerade: [],
  nodeAddresses: [address('172.31.0.1'), address('fd31::1')],
  externalClusterIp: 'drop',
  masqueradeAll: false,
  nodePortRange: [30_000 as Port, 32_767 as Port],
};

/** A Service of each family and of TCP and UDP: port 80 of `VIP` leads to the friend's `port`. */
export function webServices(port: number): Rows {
  return serviceRows(
    FAMILIES.flatMap((family) =>
      (['TCP', 'UDP'] as const).map((protocol) => {
        const backends = [[FRIEND[family], port]] as const;
        return serviceOf({ name: `web-${protocol}`, family, protocol, at: VIP[family], port: 80, backends });
      }),
    ),
  );
}
