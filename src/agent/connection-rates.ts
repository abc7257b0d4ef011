/** How many connections a second each backend gets, measured while somebody asks: nothing is sampled for nobody. */
import { type BackendState, backendName } from '../dataplane/backend-state.ts';
import type { Clock } from './clock.ts';
import { inTurns } from './turns.ts';

/** A state with what came since it was looked at some seconds ago. */
export interface RatedState extends BackendState {
  /** Over the last 1 to 10 seconds. */
  readonly connectionsPerSecond: number;
}

export interface ConnectionRates {
  /** Reads the states; who asks first, or after a while, waits for a second. Rejects as reading does. */
  read(): Promise<readonly RatedState[]>;
}

interface Sample {
  readonly atMs: number;
  /** Connections until then, by backend; none: 0. */
  readonly connections: ReadonlyMap<string, number>;
}

/** A rate over less would say little. */
const LEAST_MS = 1000;
const MOST_MS = 10_000;
/** So that there is one of the right age whoever asks when, and not many at a time. */
const SAMPLE_EVERY_MS = 4000;
/** A millisecond or two each. */
const STATES_AT_ONCE = 1024;

export function createConnectionRates(
  readStates: () => Promise<readonly BackendState[]>,
  clock: Pick<Clock, 'monotonicMs' | 'schedule'>,
): ConnectionRates {
  // Oldest first.
  let samples: readonly Sample[] = [];
  const read = async () => ({ atMs: clock.monotonicMs(), states: await readStates() });
  const remember = async ({ atMs, states }: Awaited<ReturnType<typeof read>>): Promise<Sample> => {
    const sample = { atMs, connections: await countsOf(states) };
    samples = [...samples, sample];
    return sample;
  };
  return {
    async read() {
      const first = await read();
      samples = samples.filter(({ atMs }) => first.atMs - atMs <= MOST_MS);
      const known = samples.find(({ atMs }) => first.atMs - atMs >= LEAST_MS);
      const last = samples.at(-1);
      const isDue = known === undefined || first.atMs - (last ?? known).atMs >= SAMPLE_EVERY_MS;
      const sample = isDue ? await remember(first) : known;
      if (known !== undefined) return rated(first.states, known, first.atMs);
      await new Promise<void>((resolve) => void clock.schedule(LEAST_MS, resolve));
      const second = await read();
      return rated(second.states, sample, second.atMs);
    },
  };
}

async function countsOf(states: readonly BackendState[]): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const some of inTurns(states, STATES_AT_ONCE))
    for (const state of some) if (state.connections > 0) counts.set(backendName(state), state.connections);
  return counts;
}

async function rated(
  states: readonly BackendState[],
  base: Sample,
  nowMs: number,
): Promise<readonly RatedState[]> {
  const seconds = (nowMs - base.atMs) / 1000;
  const all: RatedState[] = [];
  for await (const some of inTurns(states, STATES_AT_ONCE))
    for (const state of some) {
      const before = state.connections > 0 ? (base.connections.get(backendName(state)) ?? 0) : 0;
      // Counting begins anew where an upgrade lays the tables out in another way.
      all.push({ ...state, connectionsPerSecond: Math.max(0, state.connections - before) / seconds });
    }
  return all;
}
