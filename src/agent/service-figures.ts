/** What the metrics of each Service are made of: totals never shrink when a backend goes and takes its counts along. */
import { type BackendState, backendName } from '../dataplane/backend-state.ts';
import type { ServiceId, ServiceRows } from '../model/rows.ts';
import { inTurns } from './turns.ts';

export interface ServiceFigure {
  readonly service: ServiceRows;
  /** Connections that sockets have open. */
  readonly open: number;
  readonly ejected: number;
  /** Connections begun, and those that failed. What came between the last call and the end of a backend is lost. */
  readonly connections: number;
  readonly failures: number;
}

export interface ServiceFigures {
  /** Figures of the Services whose backends these are; to be called one after the other. */
  count(
    states: readonly BackendState[],
    services: ReadonlyMap<ServiceId, ServiceRows>,
  ): Promise<readonly ServiceFigure[]>;
}

type Totals = { connections: number; failures: number };

/** A millisecond or two each. */
const STATES_AT_ONCE = 1024;

/** Counts from what the kernel counted until the first call. */
export function createServiceFigures(): ServiceFigures {
  let seen: ReadonlyMap<string, Readonly<Totals>> = new Map();
  let totals: ReadonlyMap<ServiceId, Readonly<Totals>> = new Map();
  return {
    async count(states, services) {
      const now = new Map<string, Readonly<Totals>>();
      const figures = new Map<
        ServiceId,
        { -readonly [field in keyof ServiceFigure]: ServiceFigure[field] }
      >();
      for await (const some of inTurns(states, STATES_AT_ONCE))
        for (const state of some) {
          const service = services.get(state.service);
          if (service === undefined) continue;
          const before = totals.get(state.service) ?? NONE;
          const figure = figures.get(state.service) ?? { service, open: 0, ejected: 0, ...before };
          const name = backendName(state);
          const last = seen.get(name) ?? NONE;
          figure.open += state.open;
          figure.ejected += state.ejectedUntilMs === null ? 0 : 1;
          // Counting begins anew where an upgrade lays the tables out in another way.
          figure.connections += Math.max(0, state.connections - last.connections);
          figure.failures += Math.max(0, state.failures - last.failures);
          figures.set(state.service, figure);
          now.set(name, { connections: state.connections, failures: state.failures });
        }
      seen = now;
      totals = new Map(
        [...figures].map(([id, { connections, failures }]) => [id, { connections, failures }]),
      );
      return [...figures.values()];
    },
  };
}

const NONE: Readonly<Totals> = { connections: 0, failures: 0 };
