/** Notices that backends are ejected and come back, and tells it: to the log, and as Kubernetes Events of their Services. */
import type { Logger } from 'pino';
import { type BackendState, backendName } from '../dataplane/backend-state.ts';
import { formatEndpoint } from '../model/address.ts';
import type { BackendRow, ServiceId, ServiceRows } from '../model/rows.ts';
import type { Clock } from './clock.ts';
import type { EventWriter } from './event-writer.ts';
import type { Notice } from './problem-event.ts';
import { errorLine } from './sync-record.ts';

export interface EjectionWatchOptions {
  /** How often backends were ejected or came back until now: quickly asked; states are read when it changed. */
  readonly changes: () => Promise<number>;
  readonly states: () => Promise<readonly BackendState[]>;
  /** undefined: it is gone. */
  readonly serviceOf: (id: ServiceId) => ServiceRows | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events?: Pick<EventWriter, 'report' | 'withdraw'>;
}

export interface EjectionWatch {
  /** Looks every two seconds from now on, until it is stopped. */
  begin(): void;
  /** How many backends of Services are ejected, as of the last look. */
  ejected(): number;
  stop(): Promise<void>;
}

const LOOK_MS = 2000;
/** Where a node went, thousands are ejected at once: of more in one look only the number is told. */
const MOST_TOLD = 20;
/** A backend that comes and goes is told each time, within the limits of its Service's Events. */
const FRESH_MS = 30_000;

/** Does nothing before it is begun. */
export function createEjectionWatch(options: EjectionWatchOptions): EjectionWatch {
  const { clock, log } = options;
  let seen: number | null = null;
  let current: ReadonlyMap<string, BackendState> = new Map();
  let stopped = false;
  let lastError: string | null = null;
  const look = async (): Promise<void> => {
    const count = await options.changes();
    if (count === seen) return;
    const states = await options.states();
    const ejected = byName(states.filter(({ ejectedUntilMs }) => ejectedUntilMs !== null));
    const concerned = new Set(current.values().map(({ service }) => service));
    const answering = byName(
      states.filter(({ service, ejectedUntilMs }) => ejectedUntilMs === null && concerned.has(service)),
    );
    const told = [...ejected].filter(([name]) => !current.has(name));
    tellAll(told, (state) => tellEjected(options, state), log);
    const back = [...answering].filter(([name]) => current.has(name));
    tellAll(back, (state) => tellReturned(options, state), log);
    current = ejected;
    seen = count;
  };
  const lookSafely = (): Promise<void> =>
    look().then(
      () => {
        lastError = null;
      },
      (error: unknown) => {
        const line = errorLine(error);
        if (line !== lastError) log.warn(`states of backends can't be read, it is tried again: ${line}`);
        lastError = line;
      },
    );
  let looking: Promise<void> = Promise.resolve();
  let cancel = (): void => {};
  const lookLater = (): void => {
    cancel = clock.schedule(LOOK_MS, () => {
      looking = lookSafely().then(() => {
        if (!stopped) lookLater();
      });
    });
  };
  return {
    begin: lookLater,
    ejected: () =>
      [...current.values()].filter((state) => rowOf(options.serviceOf(state.service), state) !== undefined)
        .length,
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}

function byName(states: readonly BackendState[]): ReadonlyMap<string, BackendState> {
  return new Map(states.map((state) => [backendName(state), state]));
}

function tellAll(
  states: readonly (readonly [string, BackendState])[],
  tell: (state: BackendState) => void,
  log: Logger,
): void {
  for (const [, state] of states.slice(0, MOST_TOLD)) tell(state);
  const more = states.length - MOST_TOLD;
  if (more > 0) log.warn(`and ${more} more backends; see weir status services`);
}

function tellEjected(options: EjectionWatchOptions, state: BackendState): void {
  const { clock, log, events } = options;
  const told = subjectOf(options, state);
  if (told === null) return;
  const { failuresInARow, ejectedUntilMs } = state;
  const seconds = Math.max(0, Math.ceil(((ejectedUntilMs ?? 0) - clock.wallMs()) / 1000));
  const { displayName } = told.service;
  log.warn(
    { service: displayName, failuresInARow },
    `ejected: ${told.endpoint} of ${displayName}: ${failuresInARow} connections in a row failed, new ones avoid it for ${seconds} s`,
  );
  events?.withdraw(returned(told));
  events?.report(ejected(told));
}

function tellReturned(options: EjectionWatchOptions, state: BackendState): void {
  const { log, events } = options;
  const told = subjectOf(options, state);
  if (told === null) return;
  const { displayName } = told.service;
  log.info({ service: displayName }, `${told.endpoint} of ${displayName} answers again`);
  events?.withdraw(ejected(told));
  events?.report(returned(told));
}

interface Subject {
  readonly service: ServiceRows;
  /** With its pod's name. */
  readonly endpoint: string;
}

/** null: it is no backend any more, and nobody minds. */
function subjectOf({ serviceOf }: EjectionWatchOptions, state: BackendState): Subject | null {
  const service = serviceOf(state.service);
  const row = rowOf(service, state);
  if (service === undefined || row === undefined) return null;
  const endpoint = formatEndpoint(row.address, row.port);
  return { service, endpoint: row.pod === null ? endpoint : `${endpoint} (pod ${row.pod})` };
}

function rowOf(service: ServiceRows | undefined, { address, port }: BackendState): BackendRow | undefined {
  const rows = service === undefined ? [] : [...service.cluster, ...service.local];
  return rows.find((row) => row.address === address && row.port === port);
}

/** Without what differs between nodes: the Event of the first that ejects a backend is that of all. */
function ejected({ service, endpoint }: Subject): Notice {
  return {
    ...about(service),
    severity: 'warning',
    reason: 'BackendEjected',
    message: `connections to the endpoint ${endpoint} fail: new ones avoid it for a while`,
    remedy: 'see what its pod does, or why it is not reached',
  };
}

function returned({ service, endpoint }: Subject): Notice {
  return {
    ...about(service),
    severity: 'information',
    reason: 'BackendReturned',
    message: `the endpoint ${endpoint} answers again: new connections go to it`,
    remedy: '',
  };
}

function about({ id, owner }: ServiceRows): Pick<Notice, 'object' | 'field' | 'file' | 'freshMs'> {
  const [namespace = '', name = ''] = owner.split('/');
  const kind = id.startsWith('hostport:') ? 'Pod' : 'Service';
  return { object: { kind, namespace, name }, field: '', file: null, freshMs: FRESH_MS };
}
