/** Rows as JSON and back: what `GET /rows` answers and `weir plan` and `weir status` read. */
import type { PeerRow, PolicyClassRows, PolicyRows, RuleRow, SubjectRow } from '../model/policy-rows.ts';
import type { NodeRows, Rows, ServiceAddressRow, ServiceRows } from '../model/rows.ts';

export interface RowsJson {
  readonly node: NodeRows;
  readonly services: readonly ServiceRows[];
  readonly addresses: readonly ServiceAddressRow[];
  /** Empty lists where nothing enforces policies. */
  readonly policies: PolicyRowsJson;
}

export interface PolicyRowsJson {
  readonly peers: readonly PeerRow[];
  readonly subjects: readonly SubjectRow[];
  readonly classes: readonly PolicyClassRows[];
  readonly rules: readonly RuleRow[];
}

/** Lists instead of maps; each row carries its own key. */
export function rowsToJson(rows: Rows, policies: PolicyRows): RowsJson {
  return {
    node: rows.node,
    services: [...rows.services.values()],
    addresses: [...rows.addresses.values()],
    policies: {
      peers: [...policies.peers.values()],
      subjects: [...policies.subjects.values()],
      classes: [...policies.classes.values()],
      rules: [...policies.rules.values()],
    },
  };
}

/** Inverse of rowsToJson for the rows of Services, for what an agent of this version answered. */
export function rowsFromJson(json: RowsJson): Rows {
  return {
    node: json.node,
    services: new Map(json.services.map((row) => [row.id, row])),
    addresses: new Map(json.addresses.map((row) => [row.address, row])),
  };
}

/** Likewise for the rows of policies. */
export function policyRowsFromJson({ policies }: Pick<RowsJson, 'policies'>): PolicyRows {
  return {
    peers: new Map(policies.peers.map((row) => [row.prefix, row])),
    subjects: new Map(policies.subjects.map((row) => [row.pod, row])),
    classes: new Map(policies.classes.map((row) => [row.name, row])),
    rules: new Map(policies.rules.map((row) => [row.name, row])),
  };
}
