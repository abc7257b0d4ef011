/** What stands in the tables of Services, read back once and then kept up by every transaction. */
import { setImmediate } from 'node:timers/promises';
import type { SlotKey } from '../../../generated/policy.ts';
import type { Address, Prefix } from '../../../model/address.ts';
import type { ServiceId } from '../../../model/rows.ts';
import { type AddressEntries, readAddressEntries } from './addresses.ts';
import {
  digestText,
  type FoundBackend,
  type FoundServices,
  findServices,
  type Room,
  slotsOf,
  standingOf,
} from './found-services.ts';
import { forgetNoted, notedWithoutRow } from './noted-backends.ts';
import type { Counters, Retired, StandingService } from './plan.ts';
import { digestOf, type Endpoint, type ServedFrontend } from './served.ts';
import type { ServiceTables } from './tables.ts';

export interface Installed {
  readonly services: Map<ServiceId, StandingService>;
  /** Found in the tables and no standing Service's: the next transaction removes the frontends, and takes backends off lists. */
  strays: Strays;
  readonly addresses: AddressEntries;
  readonly counters: Counters;
  readonly capacities: Room;
  /** With those that are retired. */
  used: Room;
  /** Goes when it is collected. */
  retired: Retired[];
  /** Backends that are collected but for what the programs noted of them, since connections to them may be open. */
  readonly noted: Set<number>;
  /** Backends that the transactions up to now took off all lists, until they are told. */
  readonly left: LeftBackend[];
  /** No room was found for them: they are tried again with every transaction. */
  unprogrammed: ReadonlySet<ServiceId>;
  unprogrammedAddresses: ReadonlySet<Address | Prefix>;
}

/** A backend that gets no new connections: its endpoint is gone, or in no list, or has another number from now on. */
export interface LeftBackend {
  readonly number: number;
  readonly service: ServiceId;
  readonly endpoint: Pick<Endpoint, 'address' | 'port'>;
}

export interface Strays {
  readonly frontends: readonly ServedFrontend[];
  readonly backends: readonly (readonly [number, FoundBackend])[];
}

/** Services that are looked at in one turn of the event loop. */
export const SERVICES_AT_ONCE = 256;
/** Slots that are deleted at a time, about. */
const SLOTS_AT_ONCE = 4096;

/** Reads the tables. `ids`: of the Services that there are; what stands under other names is nobody's. */
export async function readInstalled(tables: ServiceTables, ids: Iterable<ServiceId>): Promise<Installed> {
  const found = await findServices(tables);
  const services = await adopt(found, ids);
  const numbers = new Set([...services.values()].map(({ number }) => number));
  const strangers = [...found.services].filter(([number]) => !numbers.has(number));
  return {
    services,
    strays: {
      frontends: strangers.flatMap(([, { frontends }]) => frontends),
      backends: [...found.backends].filter(([, { lists }]) => lists !== 0),
    },
    addresses: await readAddressEntries(tables),
    counters: found.counters,
    capacities: await capacitiesOf(tables),
    used: found.entries,
    retired: [
      {
        services: strangers.map(([number]) => number),
        backends: [...found.backends.keys()],
        slots: [...found.straySlots, ...strangers.flatMap(([number, service]) => slotsOf(number, service))],
      },
    ],
    noted: await notedWithoutRow(tables, services.values()),
    left: [],
    unprogrammed: new Set(),
    unprogrammedAddresses: new Set(),
  };
}

/**
 * Finds Services again by their names, and takes their backends off those that were found. Of two numbers with one name the
 * later has it.
 */
async function adopt(
  found: FoundServices,
  ids: Iterable<ServiceId>,
): Promise<Map<ServiceId, StandingService>> {
  const byDigest = new Map<string, number>();
  for (const [number, { digest }] of found.services)
    if (digest !== undefined) byDigest.set(digest, Math.max(number, byDigest.get(digest) ?? 0));
  const services = new Map<ServiceId, StandingService>();
  let seen = 0;
  for (const id of ids) {
    const number = byDigest.get(digestText(digestOf(id)));
    const service = number === undefined ? undefined : found.services.get(number);
    if (number !== undefined && service !== undefined) {
      const standing = standingOf(number, service, found.backends);
      if (standing !== undefined) services.set(id, standing);
      for (const backend of standing?.backends ?? []) found.backends.delete(backend);
    }
    if (++seen % SERVICES_AT_ONCE === 0) await setImmediate();
  }
  return services;
}

async function capacitiesOf(tables: ServiceTables): Promise<Room> {
  const [frontends, services, slots, backends] = await Promise.all([
    tables.frontends.capacity(),
    tables.services.capacity(),
    tables.slots.capacity(),
    tables.backends.capacity(),
  ]);
  return { frontends, services, slots, backends };
}

/**
 * Removes what nothing refers to. The highest numbers stay, in no list and behind no frontend: the next are counted from
 * them, also by an agent that has restarted, since sockets and flows remember backends. Returns how many entries went.
 */
export async function collectRetired(tables: ServiceTables, installed: Installed): Promise<number> {
  const { counters, retired, noted } = installed;
  for (const number of retired.flatMap(({ backends }) => backends)) noted.add(number);
  const forgotten = await forgetNoted(tables, noted);
  if (retired.length === 0) return forgotten;
  const services = retired.flatMap((each) => each.services);
  const backends = retired.flatMap((each) => each.backends);
  installed.retired = kept(counters, services, backends);
  const [names, slots, gone, rows, affinities, states] = await Promise.all([
    tables.names.delete(services.filter((number) => number !== counters.service)),
    deleteSlots(tables, retired),
    tables.backends.delete(backends.filter((number) => number !== counters.backend)),
    tables.services.delete(services),
    forgetClients(tables, new Set(services)),
    tables.serviceStates.delete(services),
  ]);
  const { used } = installed;
  installed.used = {
    ...used,
    services: used.services - names,
    slots: used.slots - slots,
    backends: used.backends - gone,
  };
  return forgotten + names + slots + gone + rows + affinities + states;
}

/** What stays for now: it goes once there is a higher number. */
function kept(counters: Counters, services: readonly number[], backends: readonly number[]): Retired[] {
  const rest = {
    services: services.filter((number) => number === counters.service),
    backends: backends.filter((number) => number === counters.backend),
    slots: [],
  };
  return rest.services.length + rest.backends.length === 0 ? [] : [rest];
}

async function deleteSlots(tables: ServiceTables, retired: readonly Retired[]): Promise<number> {
  let deleted = 0;
  let keys: SlotKey[] = [];
  for (const { first, count, ...range } of retired.flatMap(({ slots }) => slots)) {
    for (let slot = first; slot < first + count; slot++) keys.push({ ...range, slot });
    if (keys.length < SLOTS_AT_ONCE) continue;
    deleted += await tables.slots.delete(keys);
    keys = [];
  }
  return deleted + (await tables.slots.delete(keys));
}

/** Affinity to Services that are gone. */
async function forgetClients(tables: ServiceTables, services: ReadonlySet<number>): Promise<number> {
  if (services.size === 0) return 0;
  let forgotten = 0;
  for await (const batch of tables.affinities.batches())
    forgotten += await tables.affinities.delete(
      batch.map(([key]) => key).filter(({ service }) => services.has(service)),
    );
  return forgotten;
}
