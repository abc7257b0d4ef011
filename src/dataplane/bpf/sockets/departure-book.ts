/** Which departures there are: backends that went, of Services that have their connections end some time later. */
import type { Departure } from '../../../generated/socket.ts';
import { formatEndpoint } from '../../../model/address.ts';
import type { Port } from '../../../model/names.ts';
import type { ServiceId, ServiceRows } from '../../../model/rows.ts';
import { mappedBytes, unmappedAddress } from '../mapped-address.ts';
import { digestText } from '../services/found-services.ts';
import type { LeftBackend } from '../services/installed.ts';
import { digestOf } from '../services/served.ts';

/** Times are on CLOCK_MONOTONIC, in nanoseconds. */
export interface DepartureBook {
  /** By number of the backend. */
  readonly departures: ReadonlyMap<number, Departure>;
  /** The rows of these Services are so from now on; null: gone. To be called before their backends leave. */
  follow(rows: Iterable<readonly [ServiceId, ServiceRows | null]>): void;
  /** These get no new connections any more. */
  add(left: readonly LeftBackend[], now: number): void;
  /** Takes what stands in the table, as an earlier agent wrote it. */
  adopt(entries: Iterable<readonly [number, Departure]>): void;
  /** Departures end of Services that are there and ask for nothing; `all`: every Service. */
  dropUnasked(all: ReadonlyMap<ServiceId, ServiceRows>): void;
  /** Whose endpoint is gone departs now; whose endpoint is back does not. */
  judge(now: number): void;
  /** What the table does not have like this; undefined: it has to go. */
  unwritten(): readonly (readonly [number, Departure | undefined])[];
  written(entries: Iterable<readonly [number, Departure | undefined]>): void;
  /** Nobody is connected to it, and it was not added after `before`. Returns whether it is forgotten. */
  forget(number: number, before: number): boolean;
}

export function createDepartureBook(): DepartureBook {
  const wishes = createWishes();
  const departures = new Map<number, Departure>();
  const unwritten = new Set<number>();
  const addedAt = new Map<number, number>();
  const drop = (doomed: (service: string) => boolean): void => {
    for (const number of numbersOf(departures, doomed)) {
      departures.delete(number);
      unwritten.add(number);
    }
  };
  return {
    departures,
    follow(rows) {
      for (const [id, service] of rows) {
        const isConcerned = departures.size > 0 || !wishes.isEmpty() || graceOf(service) !== null;
        if (!isConcerned || !isOfConnections(id)) continue;
        wishes.set(keyOf(id), service);
        if (service !== null && graceOf(service) === null) drop((key) => key === keyOf(id));
      }
    },
    add(left, now) {
      for (const backend of left) {
        const wish = wishes.isEmpty() ? undefined : wishes.of(keyOf(backend.service));
        if (wish === undefined || departures.has(backend.number)) continue;
        departures.set(backend.number, departureOf(backend, wish.graceSeconds));
        unwritten.add(backend.number);
        addedAt.set(backend.number, now);
      }
    },
    adopt(entries) {
      for (const [number, departure] of entries)
        if (!departures.has(number)) departures.set(number, departure);
    },
    dropUnasked(all) {
      const there = new Set([...all.keys()].filter(isOfConnections).map(keyOf));
      drop((service) => there.has(service) && wishes.of(service) === undefined);
    },
    judge(now) {
      for (const [number, departure] of departures) {
        const next = judged(departure, wishes.of(digestText(departure.service)), now);
        if (next === departure) continue;
        departures.set(number, next);
        unwritten.add(number);
      }
      // From here on its departures go by themselves.
      wishes.forgetGone();
    },
    unwritten: () => [...unwritten].map((number) => [number, departures.get(number)] as const),
    written(entries) {
      for (const [number, departure] of entries)
        if (departures.get(number) === departure) unwritten.delete(number);
    },
    forget(number, before) {
      if ((addedAt.get(number) ?? 0) > before) return false;
      addedAt.delete(number);
      return departures.delete(number);
    },
  };
}

/** What a Service asks for. */
interface Wish {
  readonly graceSeconds: number;
  /** Endpoints that are there, candidates or not: one that terminates is on its way out. */
  readonly present: ReadonlySet<string>;
  readonly isGone: boolean;
}

/** By the digest of the Service's id, as text: all that an earlier agent left of it. */
function createWishes() {
  const wishes = new Map<string, Wish>();
  return {
    isEmpty: () => wishes.size === 0,
    of: (service: string): Wish | undefined => wishes.get(service),
    /** null: the Service is gone. */
    set(key: string, service: ServiceRows | null): void {
      const graceSeconds = graceOf(service);
      const before = wishes.get(key);
      if (service !== null && graceSeconds !== null)
        wishes.set(key, { graceSeconds, present: presentIn(service), isGone: false });
      else if (service !== null) wishes.delete(key);
      else if (before !== undefined) wishes.set(key, { ...before, present: new Set(), isGone: true });
    },
    forgetGone(): void {
      for (const [key, { isGone }] of wishes) if (isGone) wishes.delete(key);
    },
  };
}

function keyOf(service: ServiceId): string {
  return digestText(digestOf(service));
}

/** Numbers of the departures of such Services. */
function numbersOf(
  departures: ReadonlyMap<number, Departure>,
  isSuch: (service: string) => boolean,
): readonly number[] {
  return [...departures].filter(([, { service }]) => isSuch(digestText(service))).map(([number]) => number);
}

function graceOf(service: ServiceRows | null): number | null {
  return service?.balancing.terminateAfterSeconds ?? null;
}

function presentIn({ cluster, local, excluded }: ServiceRows): ReadonlySet<string> {
  return new Set([
    ...[...cluster, ...local].map(({ address, port }) => formatEndpoint(address, port)),
    ...excluded.filter(({ why }) => why !== 'terminating').map(({ endpoint }) => endpoint),
  ]);
}

function departureOf({ service, endpoint }: LeftBackend, graceSeconds: number): Departure {
  const { address, port } = endpoint;
  return {
    departedAt: 0,
    seen: 0,
    service: digestOf(service),
    endpoint: { address: mappedBytes(address), port },
    graceSeconds,
  };
}

/** `wish` undefined: its Service is gone, and so are all endpoints. */
function judged(departure: Departure, wish: Wish | undefined, now: number): Departure {
  const { endpoint, departedAt } = departure;
  const name = formatEndpoint(unmappedAddress(endpoint.address), endpoint.port as Port);
  const next = {
    departedAt: wish?.present.has(name) ? 0 : departedAt || now,
    graceSeconds: wish?.graceSeconds ?? departure.graceSeconds,
  };
  const isSame = next.departedAt === departedAt && next.graceSeconds === departure.graceSeconds;
  return isSame ? departure : { ...departure, ...next };
}

/** By its id, since rows that went have no more than that. */
function isOfConnections(service: ServiceId): boolean {
  return service.includes('/TCP/');
}
