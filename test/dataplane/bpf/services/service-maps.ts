/** The maps of Services, small and of this suite alone; nothing is attached anywhere. */
import { createServiceDataplane } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import { openServiceTables, type ServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import { LAYOUT } from '../../../../src/generated/policy.ts';
import { loadBpfObject } from '../../../../src/kernel/bpf-object.ts';
import { OBJECT } from '../../../packet/policy-node.ts';
import { watchWrites } from '../watched-tables.ts';
import { NOTHING } from './service-walk.ts';

/** Tables that are read at once, however often. */
export const SMALL = {
  frontends: 128,
  services: 64,
  slots: 256,
  backends: 256,
  service_names: 64,
  service_addresses: 64,
  node_addresses: 64,
  affinities: 64,
};

export const TABLE_NAMES = [
  'frontends',
  'services',
  'slots',
  'backends',
  'names',
  'addresses',
  'prefixes',
  'nodeAddresses',
  'echoAddresses',
  'affinities',
] as const;

export interface ServiceMaps {
  readonly tables: ServiceTables;
  /** Leaves the highest numbers only. */
  empty(): Promise<void>;
  close(): void;
}

export async function loadServiceMaps(): Promise<ServiceMaps> {
  const object = await loadBpfObject(OBJECT, LAYOUT, { maxEntries: SMALL });
  const tables = openServiceTables(object.maps);
  return {
    tables,
    async empty() {
      const dataplane = createServiceDataplane(tables);
      await dataplane.sync(NOTHING.rows, NOTHING.ownAddresses);
      await dataplane.collect();
    },
    close: () => object.close(),
  };
}

/** The tables, but every entry is written or deleted on its own, and `wrote` is called after each. */
export function observed(all: ServiceTables, wrote: () => Promise<void>): ServiceTables {
  const watch = watchWrites(wrote);
  return {
    ...all,
    frontends: watch(all.frontends),
    services: watch(all.services),
    slots: watch(all.slots),
    backends: watch(all.backends),
    addresses: watch(all.addresses),
    prefixes: watch(all.prefixes),
    nodeAddresses: watch(all.nodeAddresses),
  };
}

async function contents(tables: ServiceTables): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for (const name of TABLE_NAMES) {
    const entries: readonly (readonly [unknown, unknown])[] = await tables[name].entries();
    for (const [key, value] of entries) all.set(`${name} ${JSON.stringify(key)}`, JSON.stringify(value));
  }
  return all;
}

/** Names what is written while `work` runs. */
export async function writtenDuring(
  tables: ServiceTables,
  work: () => Promise<unknown>,
): Promise<readonly string[]> {
  const before = await contents(tables);
  await work();
  const after = await contents(tables);
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
}

/** Entries of each table. */
export async function sizes(tables: ServiceTables): Promise<Readonly<Record<string, number>>> {
  const all = TABLE_NAMES.map(async (name) => [name, (await tables[name].entries()).length] as const);
  return Object.fromEntries(await Promise.all(all));
}
