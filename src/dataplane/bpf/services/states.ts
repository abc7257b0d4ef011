/** What the programs noted of backends, by the names of rows. */
import type { BackendState as Noted } from '../../../generated/policy.ts';
import type { Port } from '../../../model/names.ts';
import type { ServiceId } from '../../../model/rows.ts';
import type { BackendState } from '../../backend-state.ts';
import { unmappedAddress } from '../mapped-address.ts';
import type { StandingService } from './plan.ts';
import type { ServiceTables } from './tables.ts';

/** The clock of `bpf_ktime_get_ns` and that of people, milliseconds. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

type Tables = Pick<ServiceTables, 'backendStates' | 'backends'>;
type Services = ReadonlyMap<ServiceId, Pick<StandingService, 'number' | 'backends' | 'content'>>;

const NANOSECONDS_PER_MILLISECOND = 1e6;
const NOTHING_NOTED = { open: 0, connections: 0, failuresTotal: 0, failures: 0, ejectedUntil: 0 } as const;

/** Now. */
export function thisMoment(): Moment {
  const monotonicMs = Number(process.hrtime.bigint()) / NANOSECONDS_PER_MILLISECOND;
  return { monotonicMs, wallMs: Date.now() };
}

/**
 * Of those backends that are in lists or have open connections, all of which there is anything to tell. Costs by what is
 * noted, a part in each turn of the event loop.
 */
export async function readBackendStates(
  tables: Tables,
  services: Services,
  moment: Moment,
): Promise<readonly BackendState[]> {
  const owners = new Map([...services].map(([id, standing]) => [standing.number, { id, standing }]));
  const starting = await readStarting(tables, services, moment);
  const states: BackendState[] = [];
  for await (const batch of tables.backendStates.batches())
    for (const [number, noted] of batch) {
      const owner = owners.get(noted.service);
      if (owner === undefined || (noted.open === 0 && !owner.standing.backends.includes(number))) continue;
      states.push(stateOf(owner.id, noted, starting.get(number)?.slowStartUntilMs ?? null, moment));
      starting.delete(number);
    }
  return [...states, ...starting.values()];
}

/** Backends that get less than their share yet, as if nobody had connected to them, by number. */
async function readStarting(
  { backends }: Tables,
  services: Services,
  moment: Moment,
): Promise<Map<number, BackendState>> {
  const starting = new Map<number, BackendState>();
  for (const [id, { content, backends: numbers }] of services) {
    const seconds = 'balancing' in content ? content.balancing.slowStartSeconds : 0;
    if (seconds === 0) continue;
    for (const number of new Set(numbers)) {
      const backend = await backends.get(number);
      if (backend === undefined || backend.since === 0) continue;
      const untilMs = moment.wallMs + (backend.since + seconds) * 1000 - moment.monotonicMs;
      if (untilMs > moment.wallMs)
        starting.set(number, stateOf(id, { ...NOTHING_NOTED, ...backend }, untilMs, moment));
    }
  }
  return starting;
}

function stateOf(
  service: ServiceId,
  noted: Pick<Noted, keyof typeof NOTHING_NOTED | 'address' | 'port'>,
  slowStartUntilMs: number | null,
  { monotonicMs, wallMs }: Moment,
): BackendState {
  const { address, port, open, connections, failuresTotal, failures, ejectedUntil } = noted;
  return {
    service,
    address: unmappedAddress(address),
    port: port as Port,
    open,
    connections,
    failures: failuresTotal,
    failuresInARow: failures,
    ejectedUntilMs:
      ejectedUntil === 0 ? null : wallMs + ejectedUntil / NANOSECONDS_PER_MILLISECOND - monotonicMs,
    slowStartUntilMs,
  };
}
