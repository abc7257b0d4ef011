/** Sockets served by what stands in the tables of Services: after the rows, the programs; after rows that went, their sockets. */
import type { ObjectName } from '../../../model/names.ts';
import type { ServiceId } from '../../../model/rows.ts';
import type { BackendState } from '../../backend-state.ts';
import type { MissingFeature } from '../../dataplane.ts';
import { createServiceDataplane, type ServiceDataplane } from '../services/dataplane.ts';
import { openServiceTables } from '../services/tables.ts';
import {
  openSocketServices,
  type SocketFigures,
  type SocketOptions,
  type SocketServices,
} from './backend.ts';

import { createDepartures, type Departures } from './departures.ts';
import type { ExemptPods } from './exemptions.ts';

export interface SocketStatus {
  readonly cgroup: string;
  readonly nodeOnly: boolean;
  /** Sockets are served; else nft serves their packets. */
  readonly attached: boolean;
  /** Why not, or what was wrong when it was looked at last; null: nothing. */
  readonly error: string | null;
  /** What this kernel can't do for them; none before the programs are loaded. */
  readonly missing: readonly MissingFeature[];
  /** Pods that are left to nft by their annotation. */
  readonly exempt: readonly ObjectName[];
  /** null before the programs are loaded. */
  readonly figures: SocketFigures | null;
}

export interface SocketBackend {
  /**
   * The tables through which sockets follow the rows. `shared`: those that other programs have loaded from the same pins;
   * null: there are none.
   */
  over(shared: ServiceDataplane | null): ServiceDataplane;
  /** Leaves the sockets of these pods to nft, and of no others; resolves with those that are not found (yet). */
  exempt(pods: ExemptPods): Promise<readonly ObjectName[]>;
  status(): Promise<SocketStatus>;
  /** Of backends, as the programs on sockets noted it; none before the tables are synced. */
  states(): Promise<readonly BackendState[]>;
  /** What is in the kernel stays. */
  close(): void;
}

/** Loads nothing before the tables are synced for the first time; a failure there is tried again by the next sync. */
export function createSocketBackend(options: SocketOptions): SocketBackend {
  let sockets: SocketServices | null = null;
  let attached = false;
  let error: string | null = null;
  let followed: ServiceDataplane | null = null;
  // null: nobody said so far, and what an earlier agent wrote counts.
  let exemptPods: ExemptPods | null = null;
  let unfound: readonly ObjectName[] = [];
  const remember = (cause: unknown): never => {
    error = cause instanceof Error ? cause.message : String(cause);
    throw cause;
  };
  const open = async (): Promise<SocketServices> => {
    sockets ??= await openSocketServices(options).catch(remember);
    return sockets;
  };
  const attach = async (): Promise<void> => {
    const opened = await open();
    try {
      if (exemptPods !== null) unfound = await opened.exempt(exemptPods);
      await opened.attach();
      [attached, error] = [true, null];
    } catch (cause) {
      remember(cause);
    }
  };
  const departures = createDepartures(
    () => sockets,
    (cause) => {
      error = `connections could not be ended: ${cause instanceof Error ? cause.message : String(cause)}`;
    },
  );
  return {
    over(shared) {
      followed = withSockets(shared, open, attach, departures);
      return followed;
    },
    async exempt(pods) {
      exemptPods = pods;
      unfound = sockets === null ? [...pods.keys()] : await sockets.exempt(pods);
      return unfound;
    },
    status: async () => ({
      cgroup: options.cgroup,
      nodeOnly: options.nodeOnly,
      attached,
      error,
      missing: sockets?.missing ?? [],
      exempt: [...(exemptPods?.keys() ?? [])].filter((pod) => !unfound.includes(pod)),
      figures: (await sockets?.figures()) ?? null,
    }),
    states: async () => (await followed?.states()) ?? [],
    close() {
      departures.close();
      sockets?.close();
    },
  };
}

/** `shared` null: the tables are those that the programs on sockets loaded. */
function withSockets(
  shared: ServiceDataplane | null,
  open: () => Promise<SocketServices>,
  attach: () => Promise<void>,
  departures: Departures,
): ServiceDataplane {
  let tables = shared;
  // Whether backends of datagrams may have gone that sockets are connected to.
  let mayHaveOrphans = false;
  const opened = async (): Promise<ServiceDataplane> => {
    tables ??= createServiceDataplane(openServiceTables((await open()).maps));
    return tables;
  };
  return {
    async sync(rows, ownAddresses) {
      mayHaveOrphans = true;
      departures.follow(rows.services);
      const report = await (await opened()).sync(rows, ownAddresses);
      departures.add(report.left);
      await attach();
      await departures.settle(rows.services);
      return report;
    },
    async apply(change) {
      mayHaveOrphans ||= [...(change.rows?.services.keys() ?? [])].some(isOfDatagrams);
      departures.follow(change.rows?.services ?? []);
      const report = await (await opened()).apply(change);
      departures.add(report.left);
      await departures.settle();
      return report;
    },
    async repair() {
      mayHaveOrphans = true;
      const report = await (await opened()).repair();
      departures.add(report.left);
      await attach();
      await departures.settle();
      await departures.sweep();
      return report;
    },
    async collect() {
      const collected = (await tables?.collect()) ?? 0;
      if (mayHaveOrphans && tables !== null) await (await open()).endOrphans();
      mayHaveOrphans = false;
      return collected;
    },
    states: async () => (await tables?.states()) ?? [],
    figures: () => tables?.figures() ?? null,
  };
}

/** By its id, since rows that went have no more than that. */
function isOfDatagrams(service: ServiceId): boolean {
  return service.includes('/UDP/');
}
