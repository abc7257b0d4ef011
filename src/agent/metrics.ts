/**
 * Prometheus metrics, under kube-proxy's names where they mean the same (E37). Numbers are read from the agent's status
 * when they are asked for; only durations are collected on the way. No registry is shared.
 */
import { createServer } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { addBalanceMetrics, type BalanceFigures } from './balance-metrics.ts';
import type { BindAddress } from './configuration-values.ts';
import { closeServer, listen } from './http-server.ts';
import { addPolicyMetrics } from './policy-metrics.ts';
import type { AgentStatus } from './status.ts';

/** What the metrics are read from at each scrape. */
export interface MetricsSource {
  status(): Promise<AgentStatus>;
  changeCounts(): { readonly services: number; readonly endpoints: number };
  /** null: nobody counts connections. */
  balance(): Promise<BalanceFigures | null>;
}

/** The same while one scrape is answered. */
type ScrapedSource = Pick<MetricsSource, 'changeCounts'> & { readonly status: () => AgentStatus };

export interface SyncObservation {
  readonly full: boolean;
  readonly durationMs: number;
  /** From the API server's time of the change to the kernel's acknowledgement, milliseconds. */
  readonly programmingMs: readonly number[];
}

export interface Metrics {
  observeSync(observation: SyncObservation): void;
  observeQueued(wallMs: number): void;
  observeHealthAnswer(path: 'healthz' | 'livez', code: number): void;
  /** The exposition format and its content type. */
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** kube-proxy's buckets: 1 ms to 16 s, doubling. */
const SYNC_BUCKETS = Array.from({ length: 15 }, (_, exponent) => 0.001 * 2 ** exponent);
const PROGRAMMING_BUCKETS = [
  0.25, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 120, 300,
];

/** A registry of its own per agent. */
export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Making a status looks at every row and asks the kernel: once per scrape, not once per metric.
  let scraped: AgentStatus | null = null;
  const status = (): AgentStatus => {
    if (scraped === null) throw new Error('metrics are read by render alone');
    return scraped;
  };
  let balance: BalanceFigures | null = null;
  addBalanceMetrics(registry, () => balance);
  addGauges(registry, { ...source, status });
  addTotals(registry, { ...source, status });
  addPolicyMetrics(registry, () => status().policies);
  const seconds = (name: string, help: string, buckets = SYNC_BUCKETS) =>
    new Histogram({ name, help, buckets, registers: [registry] });
  const all = seconds('kubeproxy_sync_proxy_rules_duration_seconds', 'Duration of a sync');
  const full = seconds(
    'kubeproxy_sync_full_proxy_rules_duration_seconds',
    'Duration of a sync that reads all back',
  );
  const partial = seconds(
    'kubeproxy_sync_partial_proxy_rules_duration_seconds',
    'Duration of a sync of changes',
  );
  const programming = seconds(
    'kubeproxy_network_programming_duration_seconds',
    'From the change of an endpoint at the API server to the kernel',
    PROGRAMMING_BUCKETS,
  );
  const queued = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
    help: 'When a sync was asked for last, seconds since the epoch',
    registers: [registry],
  });
  const answers = {
    healthz: counter(registry, 'kubeproxy_proxy_healthz_total', 'Answers of /healthz', ['code']),
    livez: counter(registry, 'kubeproxy_proxy_livez_total', 'Answers of /livez', ['code']),
  };
  return {
    observeSync(observation) {
      all.observe(observation.durationMs / 1000);
      (observation.full ? full : partial).observe(observation.durationMs / 1000);
      for (const ms of observation.programmingMs) programming.observe(ms / 1000);
    },
    observeQueued: (wallMs) => queued.set(wallMs / 1000),
    observeHealthAnswer: (path, code) => answers[path].inc({ code: String(code) }),
    async render() {
      [scraped, balance] = await Promise.all([source.status(), source.balance()]);
      return { text: await registry.metrics(), contentType: registry.contentType };
    },
  };
}

/** Serves /metrics until closed; rejects when the address can't be bound. */
export async function startMetricsServer(bind: BindAddress, metrics: Metrics) {
  const server = createServer(async (request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end('ask for /metrics\n');
      return;
    }
    try {
      const { text, contentType } = await metrics.render();
      response.writeHead(200, { 'Content-Type': contentType }).end(text);
    } catch (error) {
      response.writeHead(500).end(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  });
  const port = await listen(server, bind);
  return { port, close: () => closeServer(server) };
}

function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[] = [],
): Counter {
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
}

/** Adds gauges that are set from the status of the scrape. */
function gaugesOf(registry: Registry, source: ScrapedSource) {
  return (
    name: string,
    help: string,
    labelNames: string[],
    set: (gauge: Gauge, status: AgentStatus) => void,
  ): Gauge =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        set(this, source.status());
      },
    });
}

function addGauges(registry: Registry, source: ScrapedSource): void {
  const gauge = gaugesOf(registry, source);
  gauge('weir_rows', 'Rows in effect', ['table'], (g, { counts }) => {
    const { services, frontends, slots, backends, addresses, hostPorts } = counts;
    const tables = {
      service: services,
      frontend: frontends,
      slot: slots,
      backend: backends,
      address: addresses,
    };
    for (const [table, rows] of Object.entries({ ...tables, host_port: hostPorts })) g.set({ table }, rows);
  });
  gauge('weir_set_elements', 'Elements of each nft set and map', ['set'], (g, { dataplane }) => {
    for (const { name, elements } of dataplane?.sets ?? []) g.set({ set: name }, elements);
  });
  gauge('weir_problems', 'Problems with the input now', ['severity'], (g, { problems }) => {
    for (const severity of ['error', 'warning']) {
      g.set({ severity }, problems.filter((problem) => problem.severity === severity).length);
    }
  });
  gauge('weir_source_synced', '1 when the source’s objects are current', [], (g, status) =>
    g.set(status.source.synced ? 1 : 0),
  );
  gauge('weir_sockets_served', '1 when Services are served at sockets', [], (g, { sockets }) => {
    if (sockets !== null) g.set(sockets.attached && sockets.error === null ? 1 : 0);
  });
  gauge('weir_healthy', '1 when /healthz answers 200', [], (g, status) => g.set(status.healthy ? 1 : 0));
  gauge('weir_sync_pending_seconds', 'How long the oldest unapplied change waits', [], (g, { sync }) =>
    g.set((sync.pendingForMs ?? 0) / 1000),
  );
  gauge('weir_build_info', '1, with the version', ['version'], (g, { version }) => g.set({ version }, 1));
  gauge(
    'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    'When the last sync succeeded, seconds since the epoch',
    [],
    (g, { sync }) => g.set(sync.lastSuccessAt === null ? 0 : Date.parse(sync.lastSuccessAt) / 1000),
  );
  gauge(
    'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
    'Service ports whose traffic policy Local finds no endpoint on this node',
    ['traffic_policy'],
    (g, { counts }) => {
      g.set({ traffic_policy: 'internal' }, counts.noLocalEndpoints.internal);
      g.set({ traffic_policy: 'external' }, counts.noLocalEndpoints.external);
    },
  );
}

/** A counter with one label; `read` gives the counts by its values. */
function addOutcomes(
  registry: Registry,
  { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
  read: () => Readonly<Record<string, number>>,
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
    },
  });
}

function addTotals(registry: Registry, source: ScrapedSource): void {
  const events = {
    name: 'weir_events_total',
    help: 'Problems told as Kubernetes Events, by what became of them',
  };
  addOutcomes(registry, { ...events, label: 'result' }, () => {
    const { lastError: _, ...counts } = source.status().events ?? { lastError: null };
    return counts;
  });
  const sockets = {
    name: 'weir_socket_outcomes_total',
    help: 'What sockets that dialled a Service were given',
  };
  addOutcomes(registry, { ...sockets, label: 'outcome' }, () => {
    const figures = source.status().sockets?.figures ?? null;
    if (figures === null) return {};
    const { connected, sent, refused } = figures;
    return { connected, sent, refused };
  });
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  total(
    'kubeproxy_sync_proxy_rules_service_changes_total',
    'Changes of Services',
    () => source.changeCounts().services,
  );
  total(
    'kubeproxy_sync_proxy_rules_endpoint_changes_total',
    'Changes of EndpointSlices',
    () => source.changeCounts().endpoints,
  );
  total('weir_syncs_total', 'Syncs that succeeded', () => source.status().sync.syncs);
  total(
    'weir_source_retries_total',
    'Times the source had to be tried again',
    () => source.status().source.retries,
  );
  total('weir_apply_failures_total', 'Syncs that failed', () => source.status().sync.failures);
  total('weir_repairs_total', 'Times another process’s change was undone', () => source.status().repairs);
  total(
    'weir_conntrack_deleted_total',
    'Connection-tracking entries deleted since their backend was gone',
    () => source.status().conntrackDeleted,
  );
}
