/** The loop with what it drives: batches in, rows installed, problems told; no servers, no sockets. */
import type { Logger } from 'pino';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { Problem } from '../model/objects.ts';
import type { SourceBatch } from '../model/source.ts';
import type { Clock } from './clock.ts';
import type { EventWriter } from './event-writer.ts';
import { createInstallation, type Installation, type InstallReport } from './installation.ts';
import type { ListeningSocket } from './listening-sockets.ts';
import { createNodePortIndex } from './node-ports.ts';
import type { Compiled, Pipeline } from './pipeline.ts';
import { createProblemLog, type ProblemLog, problemLine } from './problem-log.ts';
import { createServiceHealthServers, type ServiceHealthServers } from './service-health.ts';
import { createSyncLoop, type SyncAttempt, type SyncLoop } from './sync-loop.ts';
import { createSyncRecord, errorLine, type SyncRecord } from './sync-record.ts';

export interface CoreOptions {
  readonly pipeline: Pipeline;
  readonly openDataplane: () => Promise<Dataplane>;
  /** Else somebody else does: their node ports and health checks are not looked at. */
  readonly servesServices: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where problems go besides the log; absent: nowhere. */
  readonly events?: EventWriter;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
  /** What is wrong besides, elsewhere in the agent; absent: nothing ever. */
  readonly moreProblems?: () => readonly Problem[];
  /** This proxy's health, for the answers about Services. */
  readonly healthy: () => boolean;
  readonly onSynced: (report: InstallReport, durationMs: number) => void;
  /** Who listens on this node. */
  readonly listeningSockets: () => Promise<readonly ListeningSocket[]>;
}

export interface Core {
  readonly loop: SyncLoop;
  readonly installation: Installation;
  readonly record: SyncRecord;
  /** Takes a batch of the source and asks for a sync. */
  accept(batch: SourceBatch): void;
  problems(): readonly Problem[];
  /** Tells what came up or went since the last time. */
  tellProblems(): void;
  stop(): Promise<void>;
}

/** Stands still until the first batch: before it nothing is compiled and nothing is written. */
export function createCore(options: CoreOptions): Core {
  const { pipeline, clock, log } = options;
  const record = createSyncRecord();
  const nodePorts = createNodePortWatch(options.listeningSockets);
  const serviceHealth: ServiceHealthServers = createServiceHealthServers({
    clock,
    healthy: options.healthy,
    onProblems: () => tellProblems(),
  });
  const problems = () => [
    ...pipeline.problems(),
    ...nodePorts.problems(),
    ...serviceHealth.problems(),
    ...(options.moreProblems?.() ?? []),
  ];
  const problemLog = logProblems(options);
  const tellProblems = () => problemLog.update(problems());
  const repairs = repairNotices(log, () => loop.requestRepair());
  const installation = createInstallation({
    pipeline,
    openDataplane: options.openDataplane,
    onCompiled(compiled) {
      if (!options.servesServices) return;
      nodePorts.follow(compiled);
      serviceHealth.update(compiled.healthChecks);
    },
    onForeignChange: repairs.noticed,
  });
  const attempt = async (what: SyncAttempt): Promise<void> => {
    repairs.begun();
    try {
      await attemptRecorded(options, installation, record, what);
    } finally {
      tellProblems();
      // Not awaited: reading the socket tables of a busy node takes longer than a sync.
      nodePorts.look(what.repair).then(tellProblems, (error) => {
        log.warn(`listening sockets can't be read: ${errorLine(error)}`);
      });
    }
  };
  const loop = createSyncLoop({ ...options, attempt });
  return {
    loop,
    installation,
    record,
    accept(batch) {
      pipeline.accept(batch);
      loop.request();
    },
    problems,
    tellProblems,
    async stop() {
      await Promise.all([loop.stop(), options.events?.stop()]);
      await serviceHealth.close();
      await installation.close();
    },
  };
}

/** One attempt, remembered and told whether it succeeds or not. */
async function attemptRecorded(
  { clock, log, onSynced }: CoreOptions,
  installation: Installation,
  record: SyncRecord,
  what: SyncAttempt,
): Promise<void> {
  const started = clock.monotonicMs();
  try {
    const report = await installation.install(what);
    const durationMs = clock.monotonicMs() - started;
    record.succeeded(clock.wallMs(), durationMs, report.applied);
    onSynced(report, durationMs);
    log.debug({ ...report.applied, full: report.full, durationMs }, 'synced');
  } catch (error) {
    record.failed(errorLine(error));
    log.error({ err: error }, `sync failed, it is tried again: ${errorLine(error)}`);
    throw error;
  }
}

/** One line per repair: who fights over the table must not flood the log as well. */
function repairNotices(log: Logger, repair: () => void) {
  let told = false;
  return {
    noticed() {
      if (!told) log.warn('another process changed our table: repairing');
      told = true;
      repair();
    },
    begun() {
      told = false;
    },
  };
}

function logProblems({ log, events }: CoreOptions): ProblemLog {
  return createProblemLog({
    report(problem) {
      log.warn({ reason: problem.reason }, problemLine(problem));
      events?.report(problem);
    },
    resolved(problem) {
      log.info({ reason: problem.reason }, `resolved: ${problemLine(problem)}`);
      events?.withdraw(problem);
    },
  });
}

/** Node ports and who else listens on them, looked at when node ports changed or everything is read back. */
function createNodePortWatch(listeningSockets: CoreOptions['listeningSockets']) {
  const index = createNodePortIndex();
  let due = false;
  let found: readonly Problem[] = [];
  return {
    follow(compiled: Compiled): void {
      if (index.apply(compiled.change)) due = true;
    },
    async look(always: boolean): Promise<void> {
      if (!due && !always) return;
      due = false;
      found = index.conflicts(await listeningSockets());
    },
    problems: () => found,
  };
}
