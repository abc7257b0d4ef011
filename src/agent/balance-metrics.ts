/** Metrics of balancing at sockets, read when they are asked for. Where sockets are not served they have no samples. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ServiceFigure } from './service-figures.ts';

/** What one scrape tells. */
export interface BalanceFigures {
  readonly openConnections: number;
  readonly ejectedBackends: number;
  /** Since the tables were made. */
  readonly connectFailures: number;
  readonly ejections: number;
  /** Empty unless each Service is asked for. */
  readonly services: readonly ServiceFigure[];
}

const TOTALS: readonly (readonly [
  typeof Gauge | typeof Counter,
  string,
  string,
  Exclude<keyof BalanceFigures, 'services'>,
])[] = [
  [Gauge, 'weir_open_connections', 'Connections that sockets have to backends', 'openConnections'],
  [Gauge, 'weir_backends_ejected', 'Backends that new connections avoid', 'ejectedBackends'],
  [Counter, 'weir_connect_failures_total', 'Connections refused or not answered', 'connectFailures'],
  [Counter, 'weir_backend_ejections_total', 'Times that a backend was ejected', 'ejections'],
];

const OF_SERVICES: readonly (readonly [
  typeof Gauge | typeof Counter,
  string,
  string,
  Exclude<keyof ServiceFigure, 'service'>,
])[] = [
  [Gauge, 'weir_service_open_connections', 'Connections that sockets have to the Service port', 'open'],
  [Gauge, 'weir_service_backends_ejected', 'Backends of the Service port that are ejected', 'ejected'],
  [Counter, 'weir_service_connections_total', 'Connections of sockets to the Service port', 'connections'],
  [Counter, 'weir_service_connect_failures_total', 'Those refused or not answered', 'failures'],
];

/** `figures`: of the scrape; null: nobody counts. */
export function addBalanceMetrics(registry: Registry, figures: () => BalanceFigures | null): void {
  for (const [kind, name, help, field] of TOTALS)
    new kind({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        // Without samples instead of 0: a counter's reset makes one.
        this.remove();
        const found = figures();
        if (found !== null) this.inc(found[field]);
      },
    });
  for (const [kind, name, help, field] of OF_SERVICES)
    new kind({
      name,
      help,
      labelNames: ['service', 'protocol', 'family'],
      registers: [registry],
      collect() {
        this.reset();
        for (const figure of figures()?.services ?? []) {
          const { displayName, protocol, family } = figure.service;
          this.inc({ service: displayName, protocol, family }, figure[field]);
        }
      },
    });
}
