/** Changes of rows as values: put one after another, or take them apart. */
import type { Address } from '../model/address.ts';
import type { RowsChange, ServiceAddressRow, ServiceId, ServiceRows } from '../model/rows.ts';
import { isEmptyChange } from '../plan/rows-diff.ts';

export const NO_CHANGE: RowsChange = { services: new Map(), addresses: new Map(), node: null };

/** One change with the effect of `earlier` and then `later`. */
export function mergeChanges(earlier: RowsChange, later: RowsChange): RowsChange {
  if (isEmptyChange(earlier)) return later;
  if (isEmptyChange(later)) return earlier;
  return {
    services: new Map([...earlier.services, ...later.services]),
    addresses: new Map([...earlier.addresses, ...later.addresses]),
    node: later.node ?? earlier.node,
  };
}

/**
 * Two changes that together are the given one, so that what fails can be told from what does not; null where there is
 * nothing to take apart. Node rows go with the first half, addresses with the Services that own them.
 */
export function splitChange(change: RowsChange): readonly [RowsChange, RowsChange] | null {
  const owners = ownersOf(change);
  if (owners.length < 2) {
    if (change.node === null || isEmptyChange({ ...change, node: null })) return null;
    return [
      { ...NO_CHANGE, node: change.node },
      { ...change, node: null },
    ];
  }
  const first = new Set(owners.slice(0, owners.length >> 1));
  const halves = [true, false].map((isFirst) => ({
    services: filterMap(change.services, (id, row) => first.has(serviceOwner(id, row)) === isFirst),
    addresses: filterMap(
      change.addresses,
      (address, row) => first.has(addressOwner(address, row)) === isFirst,
    ),
    node: isFirst ? change.node : null,
  }));
  return [halves[0] ?? NO_CHANGE, halves[1] ?? NO_CHANGE];
}

/** Names the Services (or pods with host ports) that a change is about, for messages: at most `most` of them. */
export function describeChange(change: RowsChange, most = 3): string {
  const owners = ownersOf(change);
  const named = owners.slice(0, most).join(', ');
  const rest = owners.length > most ? ` and ${owners.length - most} more` : '';
  return owners.length === 0 ? 'the node’s own rows' : `${named}${rest}`;
}

function ownersOf(change: RowsChange): readonly string[] {
  const owners = new Set<string>();
  for (const [id, row] of change.services) owners.add(serviceOwner(id, row));
  for (const [address, row] of change.addresses) owners.add(addressOwner(address, row));
  return [...owners];
}

function serviceOwner(id: ServiceId, row: ServiceRows | null): string {
  return row?.owner ?? id.replace(/^hostport:/, '').split(':')[0] ?? id;
}

function addressOwner(address: Address, row: ServiceAddressRow | null): string {
  return row?.owner ?? address;
}

function filterMap<Key, Value>(map: ReadonlyMap<Key, Value>, keep: (key: Key, value: Value) => boolean) {
  return new Map([...map].filter(([key, value]) => keep(key, value)));
}
