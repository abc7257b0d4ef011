/**
 * Keeps the rows of Services where the programs of policies read them, in a loop of its own: what is wrong with Services is
 * no failure of policies, and the other way round.
 */
import type { Logger } from 'pino';
import type { ServiceApplyReport, ServiceDataplane } from '../dataplane/bpf/services/dataplane.ts';
import type { PolicyBackend } from '../dataplane/policy-backend.ts';
import type { Address } from '../model/address.ts';
import type { Problem } from '../model/objects.ts';
import type { Rows, RowsChange } from '../model/rows.ts';
import { createAttemptRecord } from './attempt-record.ts';
import type { Clock } from './clock.ts';
import { labelled } from './installation.ts';
import { type ServiceRowsStatus, unprogrammedProblems } from './service-rows-record.ts';
import { createSyncLoop, type SyncAttempt } from './sync-loop.ts';

/** Where rows of Services come from: `Pipeline`. */
export interface ServiceRowsSource {
  rows(): Rows;
  followRows(): () => RowsChange;
}

export interface ServiceRowsLoopOptions {
  readonly serviceRows: ServiceRowsSource;
  /** The node's own addresses, when what the kernel told of them until now was heard; the same list while they are. */
  readonly ownAddresses: () => Promise<readonly Address[]>;
  /** Also when it failed; what only the rows before it needed can go in a moment. */
  readonly onAttempted: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
}

export interface ServiceRowsLoop {
  /**
   * Tells what the rows go to. Resolves when they went there, or could not: policies come next, so that no packet to a
   * Service is judged before its rows are in.
   */
  begin(backend: Pick<PolicyBackend, 'services'>): Promise<void>;
  /** Something changed: sync as soon as the pace allows. Nothing happens before `begin`. */
  request(): void;
  /** Resolves when all that was there at the call is in the kernel, rejects with the attempt's error. Waits for `begin`. */
  flush(): Promise<void>;
  /** null: the backend needs no rows of Services, or it is not open yet. */
  status(): ServiceRowsStatus | null;
  problems(): readonly Problem[];
  stop(): Promise<void>;
}

/** Stands still until it is begun. */
export function createServiceRowsLoop(options: ServiceRowsLoopOptions): ServiceRowsLoop {
  const begun = Promise.withResolvers<ServiceDataplane | null>();
  let tables: ServiceDataplane | null = null;
  let install: ((attempt: SyncAttempt) => Promise<ServiceApplyReport>) | null = null;
  const record = createAttemptRecord<ServiceApplyReport>({ ...options, about: 'rows of Services' });
  const attempt = async (what: SyncAttempt): Promise<void> => {
    tables = await begun.promise;
    if (tables === null) return;
    const installRows = install ?? createInstall(tables, options);
    install = installRows;
    await record.follow(() => installRows(what));
  };
  const loop = createSyncLoop({ ...options, attempt });
  return {
    async begin({ services }) {
      begun.resolve(services);
      // The attempt itself tells of its failure, and is tried again.
      await loop.flush().catch(() => undefined);
    },
    request: loop.request,
    flush: loop.flush,
    status() {
      if (tables === null) return null;
      const { report, failures, lastError } = record.last;
      const { unprogrammed = [], unprogrammedAddresses = [] } = report ?? {};
      const refused = [...unprogrammed, ...unprogrammedAddresses];
      return { tables: tables.figures(), unprogrammed: refused, failures, lastError };
    },
    problems: () => unprogrammedProblems(record.last.report),
    async stop() {
      begun.resolve(null);
      await loop.stop();
    },
  };
}

/** All rows first, then changes; after a failure the tables compare what they were given with the kernel themselves. */
function createInstall(tables: ServiceDataplane, { serviceRows, ownAddresses }: ServiceRowsLoopOptions) {
  const takeChange = serviceRows.followRows();
  let complete = false;
  let told: readonly Address[] = [];
  return (attempt: SyncAttempt): Promise<ServiceApplyReport> =>
    labelled('Services are not in the policy programs’ tables', async () => {
      const own = await ownAddresses();
      const isSame = own === told;
      told = own;
      const rows = takeChange();
      if (!complete) {
        const report = await tables.sync(serviceRows.rows(), own);
        complete = true;
        return report;
      }
      const report = await tables.apply(isSame ? { rows } : { rows, ownAddresses: own });
      return attempt.repair ? tables.repair() : report;
    });
}
