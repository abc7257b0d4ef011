/** How connections are spread over backends, for whoever asks: read from the kernel then, and watched for what is ejected. */
import type { Logger } from 'pino';
import type { SocketBackend } from '../dataplane/bpf/sockets/socket-backend.ts';
import { createWorkQueue } from '../dataplane/work-queue.ts';
import type { BalanceFigures } from './balance-metrics.ts';
import type { Clock } from './clock.ts';
import { createConnectionRates } from './connection-rates.ts';
import { createEjectionWatch } from './ejection-watch.ts';
import type { EventWriter } from './event-writer.ts';
import type { Pipeline } from './pipeline.ts';
import { createServiceFigures } from './service-figures.ts';
import { type ServiceStatus, serviceStatuses } from './service-status.ts';

export interface BalanceOptions {
  readonly pipeline: Pick<Pipeline, 'rows'>;
  /** null: sockets are not served, and nobody counts. */
  readonly sockets: Pick<SocketBackend, 'status' | 'states'> | null;
  /** nft serves packets of Services. */
  readonly servesPackets: boolean;
  /** Metrics are asked for each Service. */
  readonly serviceMetrics: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events?: EventWriter;
}

export interface Balance {
  /** Of all Service ports, or those of one Service (`namespace/name`). Rejects where the kernel can't be asked. */
  services(name: string | null): Promise<AsyncIterable<ServiceStatus>>;
  /** For metrics; null: nobody counts. */
  figures(): Promise<BalanceFigures | null>;
  /** How many backends are ejected; null: nobody ejects any. */
  ejected(): number | null;
  /** Watches from now on. */
  begin(): void;
  stop(): Promise<void>;
}

/** Asks the kernel nothing before it is begun, or asked. */
export function createBalance({ pipeline, sockets, ...options }: BalanceOptions): Balance {
  const serving = { sockets: sockets !== null, packets: options.servesPackets };
  const rates = sockets === null ? null : createConnectionRates(sockets.states, options.clock);
  const watch = sockets === null ? null : watchEjections(pipeline, sockets, options);
  const figures = sockets === null ? null : createScrapes(pipeline, sockets, options);
  return {
    async services(name) {
      const states = (await rates?.read()) ?? null;
      const all = pipeline.rows().services.values();
      const services = name === null ? all : all.filter(({ owner }) => owner === name);
      return serviceStatuses({ services, states, serving });
    },
    figures: async () => (await figures?.()) ?? null,
    ejected: () => watch?.ejected() ?? null,
    begin: () => watch?.begin(),
    stop: async () => watch?.stop(),
  };
}

type Sockets = NonNullable<BalanceOptions['sockets']>;

function watchEjections(
  pipeline: BalanceOptions['pipeline'],
  sockets: Sockets,
  options: Pick<BalanceOptions, 'clock' | 'log' | 'events'>,
) {
  return createEjectionWatch({
    ...options,
    states: sockets.states,
    serviceOf: (id) => pipeline.rows().services.get(id),
    async changes() {
      const { figures } = await sockets.status();
      return figures === null ? 0 : figures.ejected + figures.returned;
    },
  });
}

/** One after the other: what a Service had is counted on. */
function createScrapes(
  pipeline: BalanceOptions['pipeline'],
  sockets: Sockets,
  { serviceMetrics }: Pick<BalanceOptions, 'serviceMetrics'>,
): () => Promise<BalanceFigures | null> {
  const services = createServiceFigures();
  const inTurn = createWorkQueue();
  const scrape = async (): Promise<BalanceFigures | null> => {
    const { figures } = await sockets.status();
    if (figures === null) return null;
    const states = await sockets.states();
    return {
      openConnections: states.reduce((sum, { open }) => sum + open, 0),
      ejectedBackends: states.filter(({ ejectedUntilMs }) => ejectedUntilMs !== null).length,
      connectFailures: figures.failed,
      ejections: figures.ejected,
      services: serviceMetrics ? await services.count(states, pipeline.rows().services) : [],
    };
  };
  return () => inTurn(scrape);
}
