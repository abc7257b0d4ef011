import type { Rows, RowsChange } from '../../src/model/rows.ts';

/** The change that leads from one set of rows to another; everything that is not the same object counts. */
export function changeBetween(before: Rows, after: Rows): RowsChange {
  return {
    services: difference(before.services, after.services),
    addresses: difference(before.addresses, after.addresses),
    node: before.node === after.node ? null : after.node,
  };
}

function difference<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): Map<K, V | null> {
  const change = new Map<K, V | null>();
  for (const key of before.keys()) if (!after.has(key)) change.set(key, null);
  for (const [key, value] of after) if (before.get(key) !== value) change.set(key, value);
  return change;
}
