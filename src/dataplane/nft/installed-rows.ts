/** The rows that are (to be) installed, with the elements they stand for: turns changes of rows into deltas. */
import type { Address } from '../../model/address.ts';
import type {
  NodeRows,
  Rows,
  RowsChange,
  ServiceAddressRow,
  ServiceId,
  ServiceRows,
} from '../../model/rows.ts';
import type { Element } from './element.ts';
import { createElementStore, type ElementDelta, type ElementStore } from './element-store.ts';
import { lowerAddress, lowerNode } from './lower-node.ts';
import { lowerService } from './lower-service.ts';
import type { ServiceNumbers } from './service-numbers.ts';
import { SERVICE_TABLE } from './service-table.ts';

export interface InstalledRows {
  readonly services: ReadonlyMap<ServiceId, ServiceRows>;
  readonly node: NodeRows;
  readonly store: ElementStore;
  rows(): Rows;
  /** Takes the change in and tells what it means for the kernel. */
  change(change: RowsChange): ElementDelta;
}

export function installedRows(rows: Rows, numbers: ServiceNumbers): InstalledRows {
  const services = new Map(rows.services);
  const addresses = new Map(rows.addresses);
  let node = rows.node;
  const store = createElementStore(SERVICE_TABLE);

  const lower = (service: ServiceRows | undefined) =>
    service === undefined ? [] : lowerService(service, numbers.numberOf(service.id));
  const lowerOne = (address: ServiceAddressRow | undefined) =>
    address === undefined ? [] : lowerAddress(address, node.externalClusterIp);

  function* all(): Iterable<Element> {
    yield* lowerNode(node);
    for (const service of services.values()) yield* lower(service);
    for (const address of addresses.values()) yield* lowerOne(address);
  }
  store.fill(all());

  return {
    services,
    store,
    get node() {
      return node;
    },
    rows: () => ({ services, addresses, node }),
    change(change) {
      const removed: Element[] = [];
      const added: Element[] = [];
      const touched = addressesToLower(change, node, addresses);
      for (const address of touched) removed.push(...lowerOne(addresses.get(address)));
      for (const id of change.services.keys()) removed.push(...lower(services.get(id)));
      if (change.node !== null) removed.push(...lowerNode(node));

      node = change.node ?? node;
      assign(services, change.services);
      assign(addresses, change.addresses);

      if (change.node !== null) added.push(...lowerNode(node));
      for (const id of change.services.keys()) added.push(...lower(services.get(id)));
      for (const address of touched) added.push(...lowerOne(addresses.get(address)));
      return store.exchange(removed, added);
    },
  };
}

/** The change that takes `change` back from rows that have not yet met it. */
export function inverseOf(change: RowsChange, rows: Rows): RowsChange {
  return {
    services: new Map([...change.services.keys()].map((id) => [id, rows.services.get(id) ?? null])),
    addresses: new Map([...change.addresses.keys()].map((at) => [at, rows.addresses.get(at) ?? null])),
    node: change.node === null ? null : rows.node,
  };
}

/** Those that changed; all when what the outside meets at cluster IPs changes. */
function addressesToLower(
  change: RowsChange,
  node: NodeRows,
  addresses: ReadonlyMap<Address, ServiceAddressRow>,
): ReadonlySet<Address> {
  const all = change.node !== null && change.node.externalClusterIp !== node.externalClusterIp;
  return new Set([...change.addresses.keys(), ...(all ? addresses.keys() : [])]);
}

function assign<K, V>(target: Map<K, V>, change: ReadonlyMap<K, V | null>): void {
  for (const [key, value] of change) {
    if (value === null) target.delete(key);
    else target.set(key, value);
  }
}
