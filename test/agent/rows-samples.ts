import type { Address } from '../../src/model/address.ts';
import type { NodeName, ObjectName, Port } from '../../src/model/names.ts';
import {
  type BackendRow,
  DEFAULT_BALANCING,
  DEFAULT_WEIGHT,
  type FrontendRow,
  type NodeRows,
  type Rows,
  type RowsChange,
  type ServiceId,
  type ServiceRows,
} from '../../src/model/rows.ts';

export const NODE_ROWS: NodeRows = {
  node: 'n1' as NodeName,
  inside: [],
  nodePortAddresses: [],
  otherNodeAddresses: [],
  serviceCidrs: [],
  masqueradeSources: [],
  nonMasquerade: [],
  nodeAddresses: [],
  externalClusterIp: 'drop',
  masqueradeAll: false,
  nodePortRange: [30000 as Port, 32767 as Port],
};

export function frontend(fields: Partial<FrontendRow> = {}): FrontendRow {
  return {
    kind: 'clusterIP',
    address: '10.96.0.1' as Address,
    port: 80 as Port,
    inside: 'cluster',
    outside: 'pass',
    elsewhere: 'pass',
    checkSources: false,
    ...fields,
  };
}

export function backend(address: string, port = 8080): BackendRow {
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

export function serviceRows(owner: string, fields: Partial<ServiceRows> = {}): ServiceRows {
  return {
    id: `${owner}:http/TCP/IPv4` as ServiceId,
    owner: owner as ObjectName,
    displayName: `${owner}:http`,
    protocol: 'TCP',
    family: 'IPv4',
    frontends: [frontend()],
    cluster: [backend('10.244.1.2')],
    local: [],
    excluded: [],
    affinitySeconds: null,
    balancing: DEFAULT_BALANCING,
    sourceRanges: null,
    ...fields,
  };
}

/** A change that sets these rows. */
export function changeOf(...rows: readonly ServiceRows[]): RowsChange {
  return { services: new Map(rows.map((row) => [row.id, row])), addresses: new Map(), node: null };
}

/** Rows that hold just these. */
export function rowsOf(...rows: readonly ServiceRows[]): Rows {
  return { services: new Map(rows.map((row) => [row.id, row])), addresses: new Map(), node: NODE_ROWS };
}
