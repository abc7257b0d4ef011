/** The tables of Services as somebody left them, gathered by the number of the Service. */
import type { Service, SlotKey } from '../../../generated/policy.ts';
import type { Port } from '../../../model/names.ts';
import { unmappedAddress } from '../mapped-address.ts';
import type { Counters, SlotRange, StandingService } from './plan.ts';
import { type Endpoint, type ServedFrontend, servedFrontend } from './served.ts';
import type { ServiceTables } from './tables.ts';

export interface FoundServices {
  /** By number. */
  readonly services: ReadonlyMap<number, FoundService>;
  /** Backends by number. */
  readonly backends: Map<number, FoundBackend>;
  /** Slots that no Service's row speaks of. */
  readonly straySlots: readonly SlotRange[];
  readonly counters: Counters;
  readonly entries: Room;
}

/** Entries in the tables that all Services share; a Service has one in `services` and in `names`. */
export type Room = Readonly<Record<'frontends' | 'services' | 'slots' | 'backends', number>>;

export interface FoundService {
  row: Service | undefined;
  /** As text; undefined: its number has no name. */
  digest: string | undefined;
  /** Numbers by slot: those of the cluster list, then those of the local one; 0: not there. */
  readonly backends: number[];
  readonly frontends: ServedFrontend[];
}

export interface FoundBackend extends Endpoint {
  readonly service: number;
  readonly since: number;
  /** Bit n: in the list n. */
  readonly lists: number;
}

/** A digest as text, to be looked up by. */
export function digestText(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1');
}

/** Reads the tables, a part in each turn of the event loop. */
export async function findServices(tables: ServiceTables): Promise<FoundServices> {
  const services = new Map<number, FoundService>();
  const of = (number: number): FoundService => {
    const found = services.get(number) ?? { row: undefined, digest: undefined, backends: [], frontends: [] };
    services.set(number, found);
    return found;
  };
  let names = 0;
  let frontends = 0;
  for await (const batch of tables.names.batches()) {
    for (const [number, digest] of batch) of(number).digest = digestText(digest);
    names += batch.length;
  }
  for await (const batch of tables.services.batches())
    for (const [number, row] of batch) of(number).row = row;
  for await (const batch of tables.frontends.batches()) {
    for (const entry of batch) of(entry[1].service).frontends.push(servedFrontend(entry));
    frontends += batch.length;
  }
  const slots = await findSlots(tables, services);
  const backends = await findBackends(tables);
  const affinities = await highestRemembered(tables);
  const rows = [...services.values()].map(({ row }) => row?.generation ?? 0);
  const counters = {
    service: highest([...services.keys(), slots.service, affinities.service]),
    backend: highest([...backends.keys(), slots.backend, affinities.backend]),
    generation: highest([...rows, slots.generation]),
  };
  const entries = { frontends, services: names, slots: slots.count, backends: backends.size };
  return { services, backends, straySlots: slots.strays, counters, entries };
}

async function findSlots(tables: ServiceTables, services: ReadonlyMap<number, FoundService>) {
  const strays: SlotRange[] = [];
  const last = { service: 0, backend: 0, generation: 0 };
  const capacity = await tables.slots.capacity();
  let count = 0;
  for await (const batch of tables.slots.batches()) {
    count += batch.length;
    for (const [key, { backend }] of batch) {
      last.service = Math.max(last.service, key.service);
      last.backend = Math.max(last.backend, backend);
      last.generation = Math.max(last.generation, key.generation);
      const found = services.get(key.service);
      const index = found?.row === undefined ? undefined : indexOf(found.row, key);
      // No list is longer than the table, whatever somebody wrote.
      if (found === undefined || index === undefined || index >= capacity)
        strays.push({ ...key, first: key.slot, count: 1 });
      else found.backends[index] = backend;
    }
  }
  return { strays, count, ...last };
}

/** Where the slot stands among those of both lists; undefined where the row does not speak of it. */
function indexOf({ generation, slots }: Service, key: SlotKey): number | undefined {
  if (key.generation !== generation || key.slot >= slots[key.list === 'cluster' ? 0 : 1]) return undefined;
  return key.list === 'cluster' ? key.slot : slots[0] + key.slot;
}

async function findBackends(tables: ServiceTables): Promise<Map<number, FoundBackend>> {
  const backends = new Map<number, FoundBackend>();
  for await (const batch of tables.backends.batches())
    for (const [number, { address, port, ...rest }] of batch)
      backends.set(number, { ...rest, address: unmappedAddress(address), port: port as Port });
  return backends;
}

/** The highest numbers that a client's next connection goes by. */
async function highestRemembered(tables: ServiceTables): Promise<{ service: number; backend: number }> {
  const last = { service: 0, backend: 0 };
  for await (const batch of tables.affinities.batches()) {
    for (const [{ service }, { backend }] of batch) {
      last.service = Math.max(last.service, service);
      last.backend = Math.max(last.backend, backend);
    }
  }
  return last;
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.max(one, other), 0);
}

/** The Service as it stands, or undefined where its entries do not fit each other. */
export function standingOf(
  number: number,
  found: FoundService,
  all: ReadonlyMap<number, FoundBackend>,
): StandingService | undefined {
  const { row, backends, frontends } = found;
  if (row === undefined || backends.length !== row.slots[0] + row.slots[1]) return undefined;
  const endpoints: FoundBackend[] = [];
  const lists = new Map<FoundBackend, number>();
  const since = new Map<number, number>();
  for (let slot = 0; slot < backends.length; slot++) {
    const backend = all.get(backends[slot] ?? 0);
    if (backend?.service !== number) return undefined;
    endpoints.push(backend);
    if (backend.since > 0) since.set(backends[slot] ?? 0, backend.since);
    lists.set(backend, (lists.get(backend) ?? 0) | (slot < row.slots[0] ? 1 : 2));
  }
  if ([...lists].some(([backend, own]) => backend.lists !== own)) return undefined;
  return {
    number,
    generation: row.generation,
    backends,
    since,
    content: {
      frontends,
      lists: [endpoints.slice(0, row.slots[0]), endpoints.slice(row.slots[0])],
      terms: { ...row, ejects: row.ejects === 1 },
    },
  };
}

/** The slots of a Service, as far as they are there. */
export function slotsOf(number: number, { row, backends }: FoundService): readonly SlotRange[] {
  if (row === undefined) return [];
  const cluster = Math.min(row.slots[0], backends.length);
  const range = { service: number, generation: row.generation, first: 0 };
  return [
    { ...range, list: 'cluster', count: cluster },
    { ...range, list: 'local', count: backends.length - cluster },
  ];
}
