/**
 * The loop that keeps policies in the kernel, beside that of Services: neither waits for the other, and a failure of one
 * is no failure of the other.
 */

import type { Logger } from 'pino';
import type { BackendChoice } from '../dataplane/capabilities.ts';
import { watchInterfaces } from '../dataplane/interfaces/newborn-interfaces.ts';
import type { Enforcement } from '../dataplane/interfaces/unenforced-pods.ts';
import type {
  PodInterfaceWatch,
  PodInterfaceWatchOptions,
} from '../dataplane/interfaces/watch-pod-interfaces.ts';
import type { PolicyBackend, PolicyInstallReport, PolicyVerdict } from '../dataplane/policy-backend.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import type { Address } from '../model/address.ts';
import type { NodeName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import { createAttemptRecord } from './attempt-record.ts';
import type { Clock } from './clock.ts';
import type { Pipeline } from './pipeline.ts';
import { createPolicyInstallation, type PolicyInstallation } from './policy-installation.ts';
import type { PolicyPipeline } from './policy-pipeline.ts';
import {
  enforcementProblems,
  type PolicyKnowledge,
  type PolicyStatus,
  policyStatus,
} from './policy-record.ts';
import { createServiceRowsLoop, type ServiceRowsSource } from './service-rows-loop.ts';
import { createSyncLoop, type SyncAttempt } from './sync-loop.ts';
import { errorLine } from './sync-record.ts';
import { createVerdictLog, type NamedVerdict, type VerdictLog } from './verdict-log.ts';

/** What enforcing policies needs beside what the agent has. */
export interface PolicyParts {
  readonly pipeline: PolicyPipeline;
  /** Called at the first install, and again as long as it rejects. */
  readonly openBackend: (
    onVerdict: (verdict: PolicyVerdict) => void,
    /** Somebody else changed what is in the kernel. */
    onForeignChange: () => void,
  ) => Promise<PolicyBackend>;
  readonly watchPodInterfaces: (options: PodInterfaceWatchOptions) => PodInterfaceWatch;
  /** The backend in use and why, as far as is known. */
  readonly choice: () => BackendChoice;
  readonly enforcement: () => Enforcement;
  /** Interfaces that look like a pod's let nothing through before their pod is known. */
  readonly defaultClosed: () => boolean;
}

export interface PolicyCoreOptions extends PolicyParts {
  readonly node: NodeName;
  /** Whose Service addresses are, and where they lead. */
  readonly serviceRows: ServiceRowsSource & Pick<Pipeline, 'serviceAt'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
  readonly onProblems: () => void;
}

export interface PolicyCore {
  /** Something changed: sync as soon as the pace allows. */
  request(): void;
  /** Syncs now; resolves when all that was there at the call is in the kernel, rejects with the attempt's error. */
  flush(): Promise<void>;
  readonly verdicts: VerdictLog;
  status(): Promise<PolicyStatus>;
  /** Of local pods, as the last install had them judged. */
  podInterfaces(): readonly PodInterface[];
  problems(): readonly Problem[];
  stop(): Promise<void>;
}

/** A packet may still be on its way through programs that read the rows from before. */
const GRACE_MS = 200;
const SWEEP_MS = 10_000;

/** Stands still until the loop is asked for the first time. */
export function createPolicyCore(options: PolicyCoreOptions): PolicyCore {
  const { pipeline, clock, log } = options;
  const verdicts = createVerdictLog();
  const chores = createChores(clock, log);
  // At once, whatever the pace: until then somebody may talk. Nothing is installed before the source was heard. The attempt
  // itself tells of its failure, and is tried again.
  const closeSoon = () => {
    if (record.begun()) loop.flush().catch(() => undefined);
  };
  const watch = watchInterfacesFor(options, closeSoon, () => services.request());
  const { podInterfaces } = watch;
  const tell = (verdict: PolicyVerdict) => verdicts.add(nameVerdict(verdict, options, installation));
  const installation = createPolicyInstallation({
    ...options,
    openBackend: () => options.openBackend(tell, () => loop.requestRepair()),
    onOpened: (backend) => services.begin(backend),
    podInterfaces,
  });
  const onAttempted = () => {
    chores.follow(installation.backend());
    options.onProblems();
  };
  const ownAddresses = () => ownAddressesNow(podInterfaces);
  const services = createServiceRowsLoop({ ...options, ownAddresses, onAttempted });
  const known = (): PolicyKnowledge => ({
    rows: pipeline.policyRows(),
    problems: pipeline.policyProblems(),
    interfaces: podInterfaces.current,
    enforcement: options.enforcement(),
    services: services.status(),
    ...record.last,
  });
  const judged = { about: 'policies', refuse: refuseUnguarded };
  const record = createAttemptRecord<PolicyInstallReport>({ ...options, ...judged, onAttempted });
  const attempt = (what: SyncAttempt) => record.follow(() => installation.install(what));
  const loop = createSyncLoop({ ...options, attempt });
  return {
    request() {
      loop.request();
      services.request();
    },
    async flush() {
      await Promise.all([loop.flush(), services.flush()]);
    },
    verdicts,
    status: async () => policyStatus(known(), (await installation.backend()?.figures()) ?? null),
    podInterfaces: () => [...installation.podInterfaces()],
    problems: () => [...enforcementProblems(known()), ...services.problems()],
    async stop() {
      await Promise.all([loop.stop(), services.stop()]);
      await chores.stop();
      watch.close();
      await installation.close();
    },
  };
}

/** Has the loop try again. */
function refuseUnguarded({ unguarded: [first] }: PolicyInstallReport): void {
  if (first !== undefined) throw new Error(`no programs on the interface of ${first.pod}: ${first.why}`);
}

async function ownAddressesNow(podInterfaces: PodInterfaceWatch): Promise<readonly Address[]> {
  // Before the kernel's first answer there are none.
  await podInterfaces.settled();
  return podInterfaces.ownAddresses();
}

function watchInterfacesFor(
  { watchPodInterfaces, defaultClosed, log }: PolicyCoreOptions,
  onChange: () => void,
  onOwnAddresses: () => void,
) {
  const podInterfaces = watchPodInterfaces({
    onChange,
    onOwnAddresses,
    onError: (error) => log.warn(`pods’ interfaces can’t be read, it is tried again: ${errorLine(error)}`),
  });
  // Of interfaces that have no address yet, the other watch does not tell.
  const endWatch = defaultClosed() ? watchInterfaces(onChange) : () => {};
  return {
    podInterfaces,
    close(): void {
      endWatch();
      podInterfaces.close();
    },
  };
}

/** What is done beside the path of changes: after each a collection, and now and then a sweep. */
function createChores(clock: Clock, log: Logger) {
  let cancelCollect: (() => void) | null = null;
  let cancelSweep: (() => void) | null = null;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  const run = (what: string, work: () => Promise<void>): void => {
    running = running.then(work).catch((error: unknown) => log.warn(`${what} failed: ${errorLine(error)}`));
  };
  const sweepSoon = (backend: PolicyBackend): (() => void) =>
    clock.schedule(SWEEP_MS, () => {
      run('sweeping flows', () => backend.sweep());
      if (!stopped) cancelSweep = sweepSoon(backend);
    });
  return {
    follow(backend: PolicyBackend | null): void {
      if (stopped || backend === null) return;
      // Never put off by the next change: among many, nothing would ever go.
      cancelCollect ??= clock.schedule(GRACE_MS, () => {
        cancelCollect = null;
        run('collecting old rows', () => backend.collect());
      });
      cancelSweep ??= sweepSoon(backend);
    },
    async stop(): Promise<void> {
      stopped = true;
      cancelCollect?.();
      cancelSweep?.();
      await running;
    },
  };
}

function nameVerdict(
  { timeMs, rule, auditRule, ...verdict }: PolicyVerdict,
  { pipeline, serviceRows }: Pick<PolicyCoreOptions, 'pipeline' | 'serviceRows'>,
  installation: Pick<PolicyInstallation, 'podBehind'>,
): NamedVerdict {
  const { rules } = pipeline.policyRows();
  return {
    ...verdict,
    time: new Date(timeMs).toISOString(),
    pod: installation.podBehind(verdict.interfaceIndex) ?? null,
    peerPod: pipeline.podAt(verdict.peer) ?? null,
    peerService: serviceRows.serviceAt(verdict.dialled?.address ?? verdict.peer) ?? null,
    rule: rule === null ? null : (rules.get(rule) ?? null),
    auditRule: auditRule === null ? null : (rules.get(auditRule) ?? null),
  };
}
