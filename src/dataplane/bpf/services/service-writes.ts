/** Services from how they stand in the tables to how they ought to, one complete after the other. */
import { setImmediate } from 'node:timers/promises';
import type { Backend } from '../../../generated/policy.ts';
import type { Port } from '../../../model/names.ts';
import type { ServiceId, ServiceRows } from '../../../model/rows.ts';
import { unmappedAddress } from '../mapped-address.ts';
import { type Installed, type LeftBackend, SERVICES_AT_ONCE } from './installed.ts';
import { frontendsThatMove, type ServicePair, settleMoves } from './moved-frontends.ts';
import { planService, type ServicePlan } from './plan.ts';
import { backendValue, frontendKey, frontendName, type ServedFrontend, servedBy } from './served.ts';
import type { ServiceTables } from './tables.ts';

/** Entries that are written at a time, about. */
const GROUP_ENTRIES = 4096;

/**
 * `touched` undefined: all are compared. One that finds no room stays as it is. Returns how many entries were written and
 * deleted.
 */
export async function writeServices(
  tables: ServiceTables,
  installed: Installed,
  wanted: ReadonlyMap<ServiceId, ServiceRows>,
  touched: Iterable<ServiceId> | undefined,
): Promise<number> {
  const pairs = pairsOf(installed, wanted, touched);
  const { strays } = installed;
  installed.strays = { frontends: [], backends: [] };
  const moves = frontendsThatMove(strays.frontends, pairs);
  const gone = strays.frontends.filter((frontend) => !moves.has(frontendName(frontend)));
  let written = await deleteFrontends(tables, installed, gone);
  const failed = new Set<ServiceId>();
  const taken = new Set<string>();
  const left = strays.backends.map(
    ([number, backend]) => [number, backendValue(backend, backend.service, backend.since, 0)] as const,
  );
  const group = createGroup(tables);
  const second = monotonicSecond();
  for (const [index, pair] of pairs.entries()) {
    const plan = admit(installed, pair, moves, second);
    if (plan === undefined) {
      failed.add(pair.id);
      continue;
    }
    if (plan.standing === undefined) installed.services.delete(pair.id);
    else installed.services.set(pair.id, plan.standing);
    if (pair.standing !== undefined) installed.retired.push(plan.retired);
    for (const entry of plan.left) left.push(entry);
    for (const entry of [...plan.leaving, ...plan.left])
      if (entry[1].lists === 0) installed.left.push(leftBackend(pair.id, entry));
    if (moves.size > 0 && pair.rows !== undefined)
      for (const frontend of servedBy(pair.rows).frontends) taken.add(frontendName(frontend));
    written += await group.add(plan);
    if (index % SERVICES_AT_ONCE === 0) await setImmediate();
  }
  written += await group.flush();
  installed.unprogrammed = failed;
  written += await deleteFrontends(tables, installed, settleMoves(installed, moves, taken));
  for (let from = 0; from < left.length; from += GROUP_ENTRIES)
    await tables.backends.set(left.slice(from, from + GROUP_ENTRIES));
  return written + left.length;
}

function leftBackend(
  service: ServiceId,
  [number, { address, port }]: readonly [number, Backend],
): LeftBackend {
  return { number, service, endpoint: { address: unmappedAddress(address), port: port as Port } };
}

function pairsOf(
  { services, unprogrammed }: Installed,
  wanted: ReadonlyMap<ServiceId, ServiceRows>,
  touched: Iterable<ServiceId> | undefined,
): readonly ServicePair[] {
  const ids = new Set(touched ?? [...services.keys(), ...wanted.keys()]);
  for (const id of unprogrammed) ids.add(id);
  return Array.from(ids, (id) => ({ id, standing: services.get(id), rows: wanted.get(id) })).filter(
    ({ standing, rows }) => standing?.content !== rows,
  );
}

/** Takes the room for what the Service needs; undefined where there is not enough. */
function admit(
  installed: Installed,
  { id, standing, rows }: ServicePair,
  moves: ReadonlyMap<string, ServedFrontend>,
  second: number,
): ServicePlan | undefined {
  const { counters, used, capacities } = installed;
  const before = { ...counters };
  const plan = planService(id, standing, rows, moves, counters, second);
  const { growth } = plan;
  const after = {
    frontends: used.frontends + growth.frontends,
    services: used.services + growth.services,
    slots: used.slots + growth.slots,
    backends: used.backends + growth.backends,
  };
  const fits = (table: keyof typeof after) => growth[table] <= 0 || after[table] <= capacities[table];
  if (!(fits('frontends') && fits('services') && fits('slots') && fits('backends'))) {
    Object.assign(counters, before);
    return undefined;
  }
  installed.used = after;
  return plan;
}

/** Of CLOCK_MONOTONIC, by which the programs measure time too; never 0. */
function monotonicSecond(): number {
  return Math.max(1, Number(process.hrtime.bigint() / 1_000_000_000n));
}

async function deleteFrontends(
  tables: ServiceTables,
  installed: Installed,
  frontends: readonly ServedFrontend[],
): Promise<number> {
  const deleted = await tables.frontends.delete(frontends.map(frontendKey));
  installed.used = { ...installed.used, frontends: installed.used.frontends - deleted };
  return deleted;
}

/** Plans that are written together, since every call of the kernel costs as much as many entries. */
function createGroup(tables: ServiceTables) {
  let plans: ServicePlan[] = [];
  let entries = 0;
  const flush = async () => {
    const group = plans;
    plans = [];
    entries = 0;
    return writeGroup(tables, group);
  };
  return {
    /** Returns how many entries were written meanwhile. */
    async add(plan: ServicePlan): Promise<number> {
      plans.push(plan);
      entries += sizeOf(plan);
      return entries < GROUP_ENTRIES ? 0 : flush();
    },
    flush,
  };
}

function sizeOf(plan: ServicePlan): number {
  const { gone, ending, names, backends, slots, services, leaving, beginning } = plan;
  return [gone, ending, names, backends, slots, services, leaving, beginning].reduce(
    (total, { length }) => total + length,
    0,
  );
}

async function writeGroup(tables: ServiceTables, plans: readonly ServicePlan[]): Promise<number> {
  const all = <Entry>(part: (plan: ServicePlan) => readonly Entry[]) => plans.flatMap(part);
  await tables.frontends.delete(all(({ gone }) => gone));
  await tables.frontends.set(all(({ ending }) => ending));
  await Promise.all([
    tables.names.set(all(({ names }) => names)),
    tables.backends.set(all(({ backends }) => backends)),
    tables.slots.set(all(({ slots }) => slots)),
  ]);
  await tables.services.set(all(({ services }) => services));
  await tables.backends.set(all(({ leaving }) => leaving));
  await tables.frontends.set(all(({ beginning }) => beginning));
  return plans.reduce((total, plan) => total + sizeOf(plan), 0);
}
