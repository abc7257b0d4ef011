/** The tables of Services, as they are loaded or pinned. */
import { TABLES } from '../../../generated/policy.ts';
import { openTable, type Table, type TableCodecs } from '../../../kernel/bpf-table.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';

export type ServiceTables = ReturnType<typeof openServiceTables>;

/** `maps` by name, as `loadBpfObject` gives them. Throws an Error when one is missing. */
export function openServiceTables(maps: Readonly<Record<string, Descriptor>>) {
  const open = <Key, Value>(name: string, codecs: TableCodecs<Key, Value>): Table<Key, Value> => {
    const found = maps[name];
    if (found === undefined) throw new Error(`the programs have no map ${name}`);
    return openTable(found, codecs);
  };
  return {
    frontends: open('frontends', TABLES.frontends),
    services: open('services', TABLES.services),
    slots: open('slots', TABLES.slots),
    backends: open('backends', TABLES.backends),
    names: open('service_names', TABLES.service_names),
    addresses: open('service_addresses', TABLES.service_addresses),
    prefixes: open('service_prefixes', TABLES.service_prefixes),
    nodeAddresses: open('node_addresses', TABLES.node_addresses),
    echoAddresses: open('echo_addresses', TABLES.echo_addresses),
    affinities: open('affinities', TABLES.affinities),
    backendStates: open('backend_states', TABLES.backend_states),
    serviceStates: open('service_states', TABLES.service_states),
  };
}
