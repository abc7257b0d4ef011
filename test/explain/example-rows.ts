/** Rows of one node written by hand, for tests that change a single row and watch the answer. */
import type { Address, Prefix } from '../../src/model/address.ts';
import type { NodeName, ObjectName, Port } from '../../src/model/names.ts';
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
} from '../../src/model/rows.ts';

export const OWN: readonly Address[] = ['172.31.0.1' as Address, '198.18.0.1' as Address];
export const LOCAL = backend('10.244.0.10', { nodeLocal: true });
export const REMOTE = backend('10.244.1.11', {});

/** A backend at port 8080, elsewhere unless said otherwise. */
export function backend(address: string, given: Partial<BackendRow>): BackendRow {
  return {
    address: address as Address,
    port: 8080 as Port,
    weight: DEFAULT_WEIGHT,
    nodeLocal: false,
    nodeName: null,
    zone: null,
    pod: null,
    ...given,
  };
}

/** A frontend that every packet may use, with the cluster list. */
export function frontend(
  kind: FrontendRow['kind'],
  address: string | null,
  port: number,
  given: Partial<FrontendRow> = {},
): FrontendRow {
  return {
    kind,
    address: address as Address | null,
    port: port as Port,
    inside: 'cluster',
    outside: 'cluster',
    elsewhere: kind === 'nodePort' ? 'cluster' : 'pass',
    checkSources: false,
    ...given,
  };
}

/** TCP rows of `a/NAME:http` with a local and a remote backend. */
export function service(name: string, given: Partial<ServiceRows>): ServiceRows {
  return {
    id: `a/${name}:http/TCP/IPv4` as ServiceId,
    owner: `a/${name}` as ObjectName,
    displayName: `a/${name}:http`,
    protocol: 'TCP',
    family: 'IPv4',
    frontends: [],
    cluster: [LOCAL, REMOTE],
    local: [LOCAL],
    excluded: [],
    affinitySeconds: null,
    balancing: DEFAULT_BALANCING,
    sourceRanges: null,
    ...given,
  };
}

/** All rows of node n0. */
export function rows(
  services: readonly ServiceRows[],
  given: { readonly addresses?: readonly ServiceAddressRow[]; readonly node?: Partial<NodeRows> } = {},
): Rows {
  return {
    services: new Map(services.map((each) => [each.id, each])),
    addresses: new Map((given.addresses ?? []).map((each) => [each.address, each])),
    node: {
      node: 'n0' as NodeName,
      inside: prefixes('10.244.0.0/24', '172.31.0.1/32', '198.18.0.1/32'),
      nodePortAddresses: prefixes('172.31.0.1/32'),
      otherNodeAddresses: ['172.31.0.2' as Address],
      serviceCidrs: prefixes('10.96.0.0/16'),
      masqueradeSources: [],
      nonMasquerade: [],
      nodeAddresses: ['172.31.0.1' as Address],
      externalClusterIp: 'drop',
      masqueradeAll: false,
      nodePortRange: [30000 as Port, 32767 as Port],
      ...given.node,
    },
  };
}

/** A cluster IP of Service a/web. */
export function clusterIpRow(address: string, pingable = true): ServiceAddressRow {
  return { address: address as Address, owner: 'a/web' as ObjectName, kind: 'clusterIP', pingable };
}

export function prefixes(...texts: readonly string[]): readonly Prefix[] {
  return texts as readonly string[] as readonly Prefix[];
}
