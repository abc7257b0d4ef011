/** What has to change so that observed rows become the wanted ones. */
import { isDeepStrictEqual } from 'node:util';
import type { PolicyRows, PolicyRowsChange } from '../model/policy-rows.ts';
import type { Rows, RowsChange } from '../model/rows.ts';

/** The smallest change from `observed` to `wanted`; equal rows give an empty change. */
export function diffRows(observed: Rows, wanted: Rows): RowsChange {
  return {
    services: diffMap(observed.services, wanted.services),
    addresses: diffMap(observed.addresses, wanted.addresses),
    node: isDeepStrictEqual(observed.node, wanted.node) ? null : wanted.node,
  };
}

/** The same for rows of policies. */
export function diffPolicyRows(observed: PolicyRows, wanted: PolicyRows): PolicyRowsChange {
  return {
    peers: diffMap(observed.peers, wanted.peers),
    subjects: diffMap(observed.subjects, wanted.subjects),
    classes: diffMap(observed.classes, wanted.classes),
    rules: diffMap(observed.rules, wanted.rules),
  };
}

/** Nothing would change. */
export function isEmptyChange(change: RowsChange): boolean {
  return change.services.size === 0 && change.addresses.size === 0 && change.node === null;
}

/** The rows after the change; `diffRows(rows, applyChange(rows, change))` says the same as the change. */
export function applyChange(rows: Rows, change: RowsChange): Rows {
  return {
    services: changedMap(rows.services, change.services),
    addresses: changedMap(rows.addresses, change.addresses),
    node: change.node ?? rows.node,
  };
}

function diffMap<Key, Row>(
  observed: ReadonlyMap<Key, Row>,
  wanted: ReadonlyMap<Key, Row>,
): ReadonlyMap<Key, Row | null> {
  const change = new Map<Key, Row | null>();
  for (const key of observed.keys()) if (!wanted.has(key)) change.set(key, null);
  for (const [key, row] of wanted) if (!isDeepStrictEqual(observed.get(key), row)) change.set(key, row);
  return change;
}

function changedMap<Key, Row>(
  rows: ReadonlyMap<Key, Row>,
  change: ReadonlyMap<Key, Row | null>,
): ReadonlyMap<Key, Row> {
  const changed = new Map(rows);
  for (const [key, row] of change) {
    if (row === null) changed.delete(key);
    else changed.set(key, row);
  }
  return changed;
}
