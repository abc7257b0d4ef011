/**
 * One Service port from how it stands in the tables to how it ought to. What stands under a number never changes its meaning:
 * slots become visible together, by the service's row that names their generation. A frontend that begins to choose from a
 * list is written behind that row and one that ends before it, so whoever looks one up meets the old content or the new; where
 * a frontend would have to do both, the Service gets a new number.
 */
import type {
  Backend,
  Frontend,
  FrontendKey,
  Service,
  Slot,
  SlotKey,
  SlotList,
} from '../../../generated/policy.ts';
import { SLOT_LIST_WORDS } from '../../../generated/policy.ts';
import type { ServiceId, ServiceRows } from '../../../model/rows.ts';
import { backendChanges } from './backend-changes.ts';
import { compareFrontends, type FrontendChanges } from './frontend-changes.ts';
import {
  digestOf,
  endpointName,
  frontendEntry,
  frontendKey,
  type Lists,
  NOTHING_SERVED,
  type Served,
  servedBy,
} from './served.ts';

type Entry<Key, Value> = readonly [Key, Value];

/** A Service port as it stands in the tables. */
export interface StandingService {
  readonly number: number;
  readonly generation: number;
  /** Numbers by slot: those of the cluster list, then those of the local one. */
  readonly backends: readonly number[];
  /** By number, the second of CLOCK_MONOTONIC in which a backend joined others; absent: it has its full share. */
  readonly since: ReadonlyMap<number, number>;
  /** The compiler's rows where it is as they say. */
  readonly content: ServiceRows | Served;
}

/** The highest of each that were ever given. */
export interface Counters {
  service: number;
  backend: number;
  generation: number;
}

/** Slots that follow each other. */
export interface SlotRange {
  readonly service: number;
  readonly generation: number;
  readonly list: SlotList;
  readonly first: number;
  readonly count: number;
}

/** What nothing refers to any more; programs that began before may still read it. */
export interface Retired {
  readonly services: readonly number[];
  readonly backends: readonly number[];
  readonly slots: readonly SlotRange[];
}

const NOBODY_JOINED: ReadonlyMap<number, number> = new Map();
const NOTHING_RETIRED: Retired = { services: [], backends: [], slots: [] };

/** Entries in the order in which they are written. */
export interface ServicePlan {
  readonly gone: readonly FrontendKey[];
  readonly ending: readonly Entry<FrontendKey, Frontend>[];
  readonly names: readonly Entry<number, Uint8Array>[];
  /** New ones, those that come into a list, and those of another weight. */
  readonly backends: readonly Entry<number, Backend>[];
  readonly slots: readonly Entry<SlotKey, Slot>[];
  readonly services: readonly Entry<number, Service>[];
  /** Those that are left out of a list from now on. */
  readonly leaving: readonly Entry<number, Backend>[];
  readonly beginning: readonly Entry<FrontendKey, Frontend>[];
  /** Those of a number that no frontend refers to any more, also of another Service: they are in no list. */
  readonly left: readonly Entry<number, Backend>[];
  readonly retired: Retired;
  /** How many entries come to each table; those that are retired stay for now. */
  readonly growth: Readonly<Record<'frontends' | 'services' | 'slots' | 'backends', number>>;
  /** How it stands afterwards; undefined: it is gone. */
  readonly standing: StandingService | undefined;
}

/**
 * `rows` undefined: the Service is to go. `moved`: names of frontends that go to another Service, which writes them. Takes
 * numbers off `counters`. `second`: now, by CLOCK_MONOTONIC.
 */
export function planService(
  id: ServiceId | undefined,
  standing: StandingService | undefined,
  rows: ServiceRows | undefined,
  moved: ReadonlyMap<string, unknown>,
  counters: Counters,
  second: number,
): ServicePlan {
  const before = standing === undefined ? NOTHING_SERVED : contentOf(standing);
  const after = rows === undefined ? NOTHING_SERVED : servedBy(rows);
  const changes = compareFrontends(before.frontends, after.frontends, moved);
  const stays = after.frontends.length > 0 && rows !== undefined;
  const kept = stays && !changes.needNewNumber ? standing : undefined;
  const numbers = stays ? numbersBySlot(kept, before.lists, rows, after.lists, counters) : [];
  const since = sinceByNumber(standing, before.lists, numbers, after, second);
  const next = stays
    ? nextStanding(kept, before.lists, rows, after.lists, numbers, since, counters)
    : undefined;
  const isNew = next !== undefined && kept === undefined;
  const slots =
    next === undefined || next.generation === kept?.generation ? [] : slotEntries(next, after.lists);
  const backends = backendChanges(standing, before.lists, next, after.lists);
  return {
    names: isNew && id !== undefined ? [[next.number, digestOf(id)]] : [],
    backends: backends.coming,
    slots,
    ...frontendWrites(changes, after, kept, next),
    services: next === undefined || isSameRow(kept, before, next, after) ? [] : [serviceEntry(next, after)],
    leaving: kept === undefined ? [] : backends.leaving,
    left: kept === undefined ? backends.leaving : [],
    retired: retiredBy(standing, before.lists, kept, next, backends.gone),
    growth: {
      frontends: changes.growth,
      services: isNew ? 1 : 0,
      slots: slots.length,
      backends: backends.fresh,
    },
    standing: next,
  };
}

/** What a Service's entries say. */
export function contentOf({ content }: StandingService): Served {
  return 'lists' in content ? content : servedBy(content);
}

/** `kept` undefined: under a new number. */
function nextStanding(
  kept: StandingService | undefined,
  before: Lists,
  rows: ServiceRows,
  after: Lists,
  backends: readonly number[],
  since: StandingService['since'],
  counters: Counters,
): StandingService {
  const sameSlots =
    kept !== undefined && before[0].length === after[0].length && isSameList(kept.backends, backends);
  return {
    number: kept?.number ?? ++counters.service,
    generation: sameSlots ? kept.generation : ++counters.generation,
    backends: sameSlots ? kept.backends : backends,
    since,
    content: rows,
  };
}

/** An endpoint of both lists has one number, and keeps it. */
function numbersBySlot(
  kept: StandingService | undefined,
  before: Lists,
  rows: ServiceRows,
  [cluster, local]: Lists,
  counters: Counters,
): readonly number[] {
  // The most usual case by far where there are many Services: a list in which nobody is twice.
  if (kept === undefined && local.length === 0 && cluster === rows.cluster)
    return cluster.map(() => ++counters.backend);
  const numbers = new Map<string, number>();
  if (kept !== undefined)
    for (const [slot, endpoint] of before.flat().entries())
      numbers.set(endpointName(endpoint), kept.backends[slot] ?? 0);
  return [...cluster, ...local].map((endpoint) => {
    const name = endpointName(endpoint);
    const number = numbers.get(name) ?? ++counters.backend;
    numbers.set(name, number);
    return number;
  });
}

/** Who joins others in a Service with slow start joins now; who was there goes on, under whatever number. */
function sinceByNumber(
  standing: StandingService | undefined,
  before: Lists,
  numbers: readonly number[],
  { lists, terms }: Served,
  second: number,
): ReadonlyMap<number, number> {
  if (standing === undefined || standing.backends.length === 0) return NOBODY_JOINED;
  if (standing.since.size === 0 && terms.slowStartSeconds === 0) return NOBODY_JOINED;
  const joined = new Map<string, number>();
  for (const [slot, endpoint] of before.flat().entries())
    joined.set(endpointName(endpoint), standing.since.get(standing.backends[slot] ?? 0) ?? 0);
  const newcomer = terms.slowStartSeconds === 0 ? 0 : second;
  const since = new Map<number, number>();
  for (const [slot, endpoint] of lists.flat().entries()) {
    const value = joined.get(endpointName(endpoint)) ?? newcomer;
    if (value > 0) since.set(numbers[slot] ?? 0, value);
  }
  return since;
}

function isSameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((number, index) => number === other[index]);
}

function slotEntries(
  { number, generation, backends }: StandingService,
  [cluster]: Lists,
): readonly Entry<SlotKey, Slot>[] {
  return backends.map((backend, index): Entry<SlotKey, Slot> => {
    const isCluster = index < cluster.length;
    const slot = isCluster ? index : index - cluster.length;
    return [{ service: number, generation, slot, list: isCluster ? 'cluster' : 'local' }, { backend }];
  });
}

function serviceEntry({ number, generation }: StandingService, { lists, terms }: Served) {
  const slots: readonly [number, number] = [lists[0].length, lists[1].length];
  return [number, { generation, slots, ...terms, ejects: terms.ejects ? 1 : 0 }] as const;
}

function isSameRow(
  kept: StandingService | undefined,
  { terms: before }: Served,
  next: StandingService,
  { terms: after }: Served,
): boolean {
  return (
    kept?.generation === next.generation &&
    before.affinitySeconds === after.affinitySeconds &&
    before.slowStartSeconds === after.slowStartSeconds &&
    before.scheduler === after.scheduler &&
    before.ejects === after.ejects
  );
}

function frontendWrites(
  { gone, ending, beginning }: FrontendChanges,
  after: Served,
  kept: StandingService | undefined,
  next: StandingService | undefined,
): Pick<ServicePlan, 'gone' | 'ending' | 'beginning'> {
  const number = next?.number ?? 0;
  const entries = (frontends: Served['frontends']) =>
    frontends.map((frontend) => frontendEntry(frontend, number));
  return {
    gone: gone.map(frontendKey),
    ending: kept === undefined ? [] : entries(ending),
    beginning: entries(kept === undefined ? after.frontends : beginning),
  };
}

function retiredBy(
  standing: StandingService | undefined,
  before: Lists,
  kept: StandingService | undefined,
  next: StandingService | undefined,
  backends: readonly number[],
): Retired {
  if (standing === undefined) return NOTHING_RETIRED;
  const { number, generation } = standing;
  const slots = SLOT_LIST_WORDS.map((list, index) => ({
    service: number,
    generation,
    list,
    first: 0,
    count: before[index]?.length ?? 0,
  }));
  return {
    services: kept === undefined ? [number] : [],
    backends,
    slots:
      kept !== undefined && next?.generation === generation ? [] : slots.filter(({ count }) => count > 0),
  };
}
