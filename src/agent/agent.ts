/**
 * The agent: source → pipeline → installation, paced by the loop, with its health, metrics and control socket around it.
 * What it writes stays in the kernel when it stops or dies.
 */
import type { Logger } from 'pino';
import type { SocketBackend, SocketStatus } from '../dataplane/bpf/sockets/socket-backend.ts';
import {
  type Capabilities,
  choosePolicyBackend,
  chooseServicesBackend,
  featuresOf,
} from '../dataplane/capabilities.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { SocketChoice } from '../dataplane/socket-choice.ts';
import type { ObjectVersion, Source } from '../model/source.ts';
import { type Balance, createBalance } from './balance.ts';
import type { Clock } from './clock.ts';
import type { AgentConfiguration } from './configuration.ts';
import { type ControlledAgent, openControlSocket } from './control-socket.ts';
import { type Core, createCore } from './core.ts';
import type { EventWriter } from './event-writer.ts';
import { type HealthState, type HealthVerdict, judgeHealth, startHealthServer } from './health.ts';
import { readListeningSockets } from './listening-sockets.ts';
import { createMetrics, startMetricsServer } from './metrics.ts';
import { networkNamespace } from './neighbours.ts';
import { keepServing } from './persistent-server.ts';
import type { Pipeline } from './pipeline.ts';
import { createPolicyCore, type PolicyCore, type PolicyParts } from './policy-core.ts';
import { NO_POLICY_ROWS } from './policy-pipeline.ts';
import { rowsToJson } from './rows-json.ts';
import { createSocketExemptionLoop, type SocketExemptionLoop } from './socket-exemptions.ts';
import { type AgentStatus, countRows } from './status.ts';
import { weirVersion } from './version.ts';

/** Services at sockets, if they are served there. */
export interface AgentSockets {
  readonly choice: SocketChoice;
  /** Follows the rows through `policies`; null: nft serves everything. */
  readonly backend: Pick<SocketBackend, 'status' | 'states' | 'exempt'> | null;
}

const NO_SOCKETS: SocketChoice = { place: null, why: 'not asked for' };

export interface AgentOptions {
  readonly configuration: AgentConfiguration;
  readonly source: Source;
  readonly pipeline: Pipeline;
  readonly openDataplane: () => Promise<Dataplane>;
  readonly capabilities: Capabilities;
  /** Absent: nobody asked for it. */
  readonly sockets?: AgentSockets;
  /** Absent: nothing enforces policies. */
  readonly policies?: PolicyParts;
  readonly clock: Clock;
  readonly log: Logger;
  /** Tells problems to the API server; absent: there is none, or nobody wants that. */
  readonly events?: EventWriter;
  /** Path of the control socket. */
  readonly socketPath: string;
}

export interface RunningAgent extends ControlledAgent {
  /** Where /healthz and /metrics answer; null: switched off, or not bound yet. */
  ports(): { readonly healthz: number | null; readonly metrics: number | null };
  /** Ends everything but what is in the kernel. */
  stop(): Promise<void>;
}

/**
 * Starts the agent; resolves when the source's first batch was taken (its rows may still be on their way).
 * @throws ControlError when an agent of this instance runs already; the source's error. Nothing is left then.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { configuration, source, log } = options;
  const parts = assemble(options);
  const { core, policies, exemptions } = parts;
  let heard = (): void => {};
  const firstBatch = new Promise<void>((resolve) => {
    heard = resolve;
  });
  let begun = (): void => {};
  const sourceBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const controlled: ControlledAgent = {
    status: parts.status,
    rows: () =>
      rowsToJson(options.pipeline.rows(), options.policies?.pipeline.policyRows() ?? NO_POLICY_ROWS),
    services: parts.balance.services,
    podInterfaces: () => policies?.podInterfaces() ?? [],
    verdicts: () => policies?.verdicts ?? null,
    async syncNow(versions) {
      await sourceBegun;
      // Before the first batch too: it tells why there is none.
      await (versions === null ? source.rescan() : reach(source, versions));
      await firstBatch;
      await Promise.all([core.loop.flush(), policies?.flush(), exemptions?.flush()]);
      await core.installation.dataplane()?.settled();
    },
  };
  const socket = await openControlSocket(options.socketPath, controlled);
  const healthz = keepServing('healthz', configuration.healthzBind, options, (bind) =>
    startHealthServer({ ...parts.healthServer, bind }),
  );
  const metrics = keepServing('metrics', configuration.metricsBind, options, (bind) =>
    startMetricsServer(bind, parts.metrics),
  );
  const stop = async (): Promise<void> => {
    await source.stop();
    await parts.balance.stop();
    await Promise.all([core.stop(), policies?.stop(), exemptions?.stop()]);
    await Promise.all([socket.close(), healthz.close(), metrics.close()]);
  };
  try {
    await Promise.all([healthz.tried, metrics.tried]);
    const started = source.start((batch) => {
      core.accept(batch);
      policies?.request();
      exemptions?.request();
      parts.hear();
      heard();
    });
    begun();
    parts.balance.begin();
    await started;
  } catch (error) {
    await stop();
    throw error;
  }
  log.info({ origin: source.state().origin, node: configuration.compile.node }, 'started');
  return { ...controlled, ports: () => ({ healthz: healthz.port(), metrics: metrics.port() }), stop };
}

function reach(source: Source, versions: readonly ObjectVersion[]): Promise<void> {
  if (source.reach !== undefined) return source.reach(versions);
  throw new Error('objects of a folder have no versions; ask for POST /sync without any');
}

function assemble(options: AgentOptions) {
  const { configuration, pipeline, clock } = options;
  const { syncPeriodMs } = configuration;
  const startedAtMs = clock.wallMs();
  let heard = false;
  const policies = startPolicies(options, () => core.tellProblems());
  const exemptions = startExemptions(options, () => core.tellProblems());
  const core: Core = createCore({
    ...options,
    servesServices: configuration.servicesBackend !== 'none',
    moreProblems: () => [...(policies?.problems() ?? []), ...(exemptions?.problems() ?? [])],
    minSyncPeriodMs: configuration.minSyncPeriodMs,
    syncPeriodMs,
    // A node's deletion is told by /healthz; connections to its endpoints are still served.
    healthy: () => verdict().live,
    listeningSockets: () => readListeningSockets(),
    onSynced(report, durationMs) {
      // Changes from before the start were not delayed by this agent.
      const mine = report.triggeredAtMs.filter((time) => time >= startedAtMs);
      const programmingMs = mine.map((time) => Math.max(0, clock.wallMs() - time));
      metrics.observeSync({ full: report.full, durationMs, programmingMs });
    },
  });
  const health = (): HealthState => ({
    lastSuccessAtMs: core.record.lastSuccessAtMs(),
    firstSyncWaitsFor: firstSyncWaitsFor(core, options.source),
    pendingForMs: pendingForMs(core, clock),
    nodeDeleting: pipeline.nodeDeleting(configuration.compile.node),
  });
  const verdict = (): HealthVerdict => judgeHealth(health(), syncPeriodMs);
  const status = async (): Promise<AgentStatus> => {
    const sockets = (await options.sockets?.backend?.status()) ?? null;
    return {
      ...describe(options, { core, verdict: verdict(), startedAtMs, heard, sockets }),
      counts: await countRows(pipeline.rows()),
      policies: (await policies?.status()) ?? null,
      ejectedBackends: balance.ejected(),
    };
  };
  const balance = balanceOf(options);
  const { changeCounts } = pipeline;
  const metrics = createMetrics({ status, changeCounts, balance: balance.figures });
  return {
    core,
    policies,
    balance,
    exemptions,
    status,
    metrics,
    healthServer: { state: health, syncPeriodMs, onAnswer: metrics.observeHealthAnswer },
    hear(): void {
      heard = true;
      metrics.observeQueued(clock.wallMs());
    },
  };
}

function balanceOf(options: AgentOptions): Balance {
  const { servicesBackend, serviceMetrics } = options.configuration;
  const sockets = options.sockets?.backend ?? null;
  return createBalance({ ...options, sockets, servesPackets: servicesBackend !== 'none', serviceMetrics });
}

function startPolicies(options: AgentOptions, onProblems: () => void): PolicyCore | null {
  const { configuration, policies, pipeline } = options;
  if (policies === undefined) return null;
  return createPolicyCore({
    ...options,
    ...policies,
    node: configuration.compile.node,
    serviceRows: pipeline,
    minSyncPeriodMs: configuration.minSyncPeriodMs,
    syncPeriodMs: configuration.syncPeriodMs,
    onProblems,
  });
}

function startExemptions(options: AgentOptions, onProblems: () => void): SocketExemptionLoop | null {
  const { configuration, sockets } = options;
  if (!sockets?.backend) return null;
  const { minSyncPeriodMs, syncPeriodMs, compile } = configuration;
  return createSocketExemptionLoop({
    ...options,
    sockets: sockets.backend,
    node: compile.node,
    minSyncPeriodMs,
    syncPeriodMs,
    onProblems,
  });
}

interface Described {
  readonly core: Core;
  readonly verdict: HealthVerdict;
  readonly startedAtMs: number;
  /** The source's first batch came. */
  readonly heard: boolean;
  readonly sockets: SocketStatus | null;
}

/** All but what takes a while: the kernel is to be asked, or all rows are. */
function describe(
  options: AgentOptions,
  { core, verdict, startedAtMs, heard, sockets }: Described,
): Omit<AgentStatus, 'counts' | 'policies' | 'ejectedBackends'> {
  const { configuration, clock, source, capabilities } = options;
  const socketChoice = options.sockets?.choice ?? NO_SOCKETS;
  const features = featuresOf(capabilities, socketChoice);
  const dataplane = core.installation.dataplane()?.status() ?? null;
  return {
    version: weirVersion(),
    instance: configuration.instance,
    node: configuration.compile.node,
    pid: process.pid,
    networkNamespace: networkNamespace(),
    startedAt: new Date(startedAtMs).toISOString(),
    options: configuration.compile,
    loadBalancerPools: configuration.loadBalancerPools,
    allocationFile: configuration.allocationFile,
    healthy: verdict.ready,
    unhealthyBecause: verdict.why,
    backends: {
      services: chooseServicesBackend(configuration.servicesBackend, socketChoice),
      policy: options.policies?.choice() ?? choosePolicyBackend(configuration.policyBackend, capabilities),
    },
    features: {
      ...features,
      missing: [...features.missing, ...(dataplane?.missing ?? []), ...(sockets?.missing ?? [])],
    },
    source: source.state(),
    dataplane,
    sockets,
    sync: core.record.status(core.loop.state(), clock.monotonicMs(), heard),
    problems: core.problems(),
    events: options.events?.counts() ?? null,
    repairs: dataplane?.repairs ?? 0,
    conntrackDeleted: core.record.conntrackDeleted(),
  };
}

function firstSyncWaitsFor(core: Core, source: Source): string | null {
  if (core.record.lastSuccessAtMs() !== null) return null;
  return source.state().reason ?? core.record.lastError() ?? 'the first sync is not done yet';
}

function pendingForMs(core: Core, clock: Clock): number | null {
  const since = core.loop.state().pendingSinceMs;
  return since === null ? null : clock.monotonicMs() - since;
}
