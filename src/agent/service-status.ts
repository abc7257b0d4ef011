/** What `GET /services` answers and `weir status services` shows: Service ports with their backends, and how these do. */
import { setImmediate } from 'node:timers/promises';
import { type GivenSchedulers, givenSchedulers, type ServingParts } from '../dataplane/given-schedulers.ts';
import type { Address } from '../model/address.ts';
import type { ObjectName, Port } from '../model/names.ts';
import type { BackendRow, ServiceId, ServiceRows } from '../model/rows.ts';
import type { RatedState } from './connection-rates.ts';
import { inTurns } from './turns.ts';

export interface BackendStatus {
  readonly address: Address;
  readonly port: Port;
  readonly pod: ObjectName | null;
  readonly nodeLocal: boolean;
  /** Lists it is chosen from; none: it gets no new connections, and has open ones. */
  readonly lists: readonly ('cluster' | 'local')[];
  /** null where it gets no new connections. */
  readonly weight: number | null;
  /** Of sockets of this node; null: nobody counts. */
  readonly counts: BackendCounts | null;
}

export interface BackendCounts {
  /** Connections open now. */
  readonly open: number;
  /** Since counting began. */
  readonly connections: number;
  /** Over the last seconds. */
  readonly connectionsPerSecond: number;
  /** Connections refused or not answered since counting began, and since the last that was answered. */
  readonly failures: number;
  readonly failuresInARow: number;
  /** ISO 8601; in the past: the next connection tries it. null: it is not ejected. */
  readonly ejectedUntil: string | null;
  /** ISO 8601; null: it has its full share. */
  readonly slowStartUntil: string | null;
}

/** A Service port of one family: its rows, and what they lead to. */
export interface ServiceStatus extends ServiceRows {
  readonly schedulers: GivenSchedulers;
  /** In slot order, then those that have only open connections left. */
  readonly backends: readonly BackendStatus[];
}

export interface ServiceStatusParts {
  /** All rows, or those that are asked about. */
  readonly services: Iterable<ServiceRows>;
  /** null: nobody counts. */
  readonly states: readonly RatedState[] | null;
  readonly serving: ServingParts;
}

/** A millisecond or two each. */
const SERVICES_AT_ONCE = 32;
const STATES_AT_ONCE = 4096;

/** One after the other; the event loop turns in between. */
export async function* serviceStatuses({
  services,
  states,
  serving,
}: ServiceStatusParts): AsyncGenerator<ServiceStatus> {
  const byService = states === null ? null : await groupedByService(states);
  let seen = 0;
  for (const service of services) {
    const known = byService === null ? null : (byService.get(service.id) ?? []);
    yield {
      ...service,
      schedulers: givenSchedulers(service, serving),
      backends: backendStatuses(service, known),
    };
    if (++seen % SERVICES_AT_ONCE === 0) await setImmediate();
  }
}

async function groupedByService(
  states: readonly RatedState[],
): Promise<ReadonlyMap<ServiceId, readonly RatedState[]>> {
  const groups = new Map<ServiceId, RatedState[]>();
  for await (const some of inTurns(states, STATES_AT_ONCE))
    for (const state of some) {
      const group = groups.get(state.service);
      if (group === undefined) groups.set(state.service, [state]);
      else group.push(state);
    }
  return groups;
}

/** `states`: of this Service; null: nobody counts. */
function backendStatuses(
  { cluster, local }: ServiceRows,
  states: readonly RatedState[] | null,
): readonly BackendStatus[] {
  const rows = new Map<string, { readonly row: BackendRow; readonly lists: ('cluster' | 'local')[] }>();
  for (const [list, backends] of [
    ['cluster', cluster],
    ['local', local],
  ] as const)
    for (const row of backends) {
      const known = rows.get(nameOf(row));
      if (known === undefined) rows.set(nameOf(row), { row, lists: [list] });
      else known.lists.push(list);
    }
  const counted = new Map(states?.map((state) => [nameOf(state), state]));
  const serving = [...rows.values()].map(({ row, lists }): BackendStatus => {
    const { address, port, pod, nodeLocal, weight } = row;
    const state = counted.get(nameOf(row));
    const counts = states === null ? null : countsOf(state);
    return { address, port, pod, nodeLocal, lists, weight, counts };
  });
  const left = [...counted.values()].filter((state) => state.open > 0 && !rows.has(nameOf(state)));
  return [
    ...serving,
    ...left.map((state): BackendStatus => {
      const { address, port } = state;
      return { address, port, pod: null, nodeLocal: false, lists: [], weight: null, counts: countsOf(state) };
    }),
  ];
}

function nameOf({ address, port }: { readonly address: Address; readonly port: Port }): string {
  return `${address} ${port}`;
}

/** undefined: nobody ever connected. */
function countsOf(state: RatedState | undefined): BackendCounts {
  const {
    open = 0,
    connections = 0,
    connectionsPerSecond = 0,
    failures = 0,
    failuresInARow = 0,
  } = state ?? {};
  return {
    open,
    connections,
    connectionsPerSecond,
    failures,
    failuresInARow,
    ejectedUntil: timeText(state?.ejectedUntilMs ?? null),
    slowStartUntil: timeText(state?.slowStartUntilMs ?? null),
  };
}

function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
