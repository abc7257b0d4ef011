/** Rows as JSON and back: what `GET /rows` answers and `weir plan` and `weir status` read. */
import type { NodeRows, Rows, ServiceAddressRow, ServiceRows } from '../model/rows.ts';

export interface RowsJson {
  readonly node: NodeRows;
  readonly services: readonly ServiceRows[];
  readonly addresses: readonly ServiceAddressRow[];
}

/** Lists instead of maps; each row carries its own key. */
export function rowsToJson(rows: Rows): RowsJson {
  return { node: rows.node, services: [...rows.services.values()], addresses: [...rows.addresses.values()] };
}

/** Inverse of rowsToJson, for what an agent of this version answered. */
export function rowsFromJson(json: RowsJson): Rows {
  return {
    node: json.node,
    services: new Map(json.services.map((row) => [row.id, row])),
    addresses: new Map(json.addresses.map((row) => [row.address, row])),
  };
}
