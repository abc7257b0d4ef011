/**
 * Rows of Services in the maps of the programs that choose backends: what connections meet that begin on this node. No look-up
 * meets half of a Service; what nothing refers to any more goes with `collect`.
 */
import type { Address, Prefix } from '../../../model/address.ts';
import type { Rows, RowsChange, ServiceId } from '../../../model/rows.ts';
import type { BackendState } from '../../backend-state.ts';
import { DataplaneError } from '../../dataplane.ts';
import { createWorkQueue } from '../../work-queue.ts';
import { collectRetired, type Installed, type LeftBackend, readInstalled } from './installed.ts';
import { readBackendStates, thisMoment } from './states.ts';
import type { ServiceTables } from './tables.ts';
import { type Touched, type Wanted, writeRows } from './transaction.ts';

/** What brings Services into the kernel. */
export interface ServiceChange {
  readonly rows?: RowsChange;
  /** All addresses of this node's interfaces: the whole new list; absent: as they were. */
  readonly ownAddresses?: readonly Address[];
}

/** What one transaction did. */
export interface ServiceApplyReport {
  /** Entries written and deleted. */
  readonly written: number;
  /** Services that found no room: they stay as they were before. Tried again with every change. */
  readonly unprogrammed: readonly ServiceId[];
  /** The same of addresses and Service CIDRs. */
  readonly unprogrammedAddresses: readonly (Address | Prefix)[];
  /** Backends that get no new connections any more, of earlier transactions that failed too. */
  readonly left: readonly LeftBackend[];
}

export interface TableFigure {
  readonly entries: number;
  readonly capacity: number;
}

/** How full the tables are. */
export type ServiceFigures = Readonly<
  Record<
    'frontends' | 'services' | 'slots' | 'backends' | 'addresses' | 'nodeAddresses' | 'prefixes',
    TableFigure
  >
>;

export interface ServiceDataplane {
  /** Makes the maps hold these rows, writing only what differs from what is there. */
  sync(rows: Rows, ownAddresses: readonly Address[]): Promise<ServiceApplyReport>;
  /** Rejects with a DataplaneError; each Service is then as before or as it is to be, and the next call reads everything back. */
  apply(change: ServiceChange): Promise<ServiceApplyReport>;
  /** Reads everything back and restores what differs. */
  repair(): Promise<ServiceApplyReport>;
  /** Removes what no look-up can meet any more; to be called a moment after a change. Returns how many entries went. */
  collect(): Promise<number>;
  /** What is known of backends beside their rows: whom sockets connect to, and who is ejected. None before the first transaction. */
  states(): Promise<readonly BackendState[]>;
  /** As the last transaction left them; null: there was none yet. */
  figures(): ServiceFigures | null;
}

export function createServiceDataplane(tables: ServiceTables): ServiceDataplane {
  const wanted: Wanted = { services: new Map(), addresses: new Map(), node: null, ownAddresses: [] };
  // Not known before the first reading, nor after a failure.
  let installed: Installed | undefined;
  let figures: ServiceFigures | null = null;
  const left: LeftBackend[] = [];
  // One transaction after the other.
  const exclusively = createWorkQueue();

  /** `prepare` brings `wanted` up to date; undefined: everything is read back. */
  const transact = (prepare: () => Touched | undefined) =>
    exclusively(async () => {
      const touched = prepare();
      const known = touched === undefined ? undefined : installed;
      installed = undefined;
      const state = known ?? { ...(await readInstalled(tables, wanted.services.keys())), left };
      let written = await writeRows(tables, state, wanted, known && touched);
      // Perhaps what is retired took the room.
      if (state.unprogrammed.size > 0 && (await collectRetired(tables, state)) > 0)
        written += await writeRows(tables, state, wanted, NOTHING_TOUCHED);
      installed = state;
      figures = figuresOf(state);
      return reportOf(state, written);
    }).catch((cause: unknown) => {
      throw failureOf(cause);
    });

  return {
    sync: (rows, ownAddresses) =>
      transact(() => {
        replace(wanted.services, rows.services);
        replace(wanted.addresses, rows.addresses);
        wanted.node = rows.node;
        wanted.ownAddresses = ownAddresses;
        return undefined;
      }),
    apply: (change) => transact(() => wantChange(wanted, change)),
    repair: () => transact(() => undefined),
    collect: () =>
      exclusively(async () => {
        const state = installed;
        if (state === undefined) return 0;
        installed = undefined;
        const gone = await collectRetired(tables, state);
        installed = state;
        figures = figuresOf(state);
        return gone;
      }),
    async states() {
      // Reading takes a while, and changes need not wait for it.
      const services = await exclusively(async () => installed?.services ?? new Map());
      return readBackendStates(tables, services, thisMoment());
    },
    figures: () => figures,
  };
}

const NOTHING_TOUCHED: Touched = { services: [], addresses: [], node: false };

/** Backends that left are told once. */
function reportOf(
  { unprogrammed, unprogrammedAddresses, left }: Installed,
  written: number,
): ServiceApplyReport {
  return {
    written,
    unprogrammed: [...unprogrammed],
    unprogrammedAddresses: [...unprogrammedAddresses],
    left: left.splice(0),
  };
}

/** Returns what the change is about. */
function wantChange(wanted: Wanted, { rows, ownAddresses }: ServiceChange): Touched {
  for (const [id, service] of rows?.services ?? []) setOrDelete(wanted.services, id, service);
  for (const [address, row] of rows?.addresses ?? []) setOrDelete(wanted.addresses, address, row);
  wanted.node = rows?.node ?? wanted.node;
  wanted.ownAddresses = ownAddresses ?? wanted.ownAddresses;
  return {
    services: rows?.services.keys() ?? [],
    addresses: rows?.addresses.keys() ?? [],
    node: ownAddresses !== undefined || (rows?.node ?? null) !== null,
  };
}

function figuresOf({ used, capacities, addresses }: Installed): ServiceFigures {
  const shared = (table: keyof typeof used) => ({ entries: used[table], capacity: capacities[table] });
  return {
    frontends: shared('frontends'),
    services: shared('services'),
    slots: shared('slots'),
    backends: shared('backends'),
    addresses: { entries: addresses.services.current.size, capacity: addresses.services.capacity },
    nodeAddresses: { entries: addresses.nodes.current.size, capacity: addresses.nodes.capacity },
    prefixes: { entries: addresses.prefixes.current.size, capacity: addresses.prefixes.capacity },
  };
}

function failureOf(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const code = 'code' in cause ? String(cause.code) : 'UNKNOWN';
  return new DataplaneError(`rows of Services: ${cause.message}`, {
    code,
    object: 'maps of Services',
    cause,
  });
}

function replace<Key, Value>(map: Map<Key, Value>, entries: ReadonlyMap<Key, Value>): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

function setOrDelete<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
