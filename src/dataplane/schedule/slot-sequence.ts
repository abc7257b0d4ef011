/**
 * What stands in the slots of a list: a choice then is one look-up, at a random number, a counter or a hash. Pure, and the
 * same on every node.
 */
import { formatEndpoint } from '../../model/address.ts';
import type { BackendRow, Scheduler } from '../../model/rows.ts';
import { maglevTable } from './maglev.ts';
import { slotCounts } from './shares.ts';

type Backends = readonly BackendRow[];

/** Of lists that are arranged. */
const known = new WeakMap<Backends, Map<Scheduler, Backends>>();

/** The backends by slot; computed once for each list. Schedulers that count connections, `rr` and `dh` have each once. */
export function slotSequence(scheduler: Scheduler, backends: Backends): Backends {
  const arrange = ARRANGEMENTS[scheduler];
  const [first] = backends;
  const isEven = backends.every(({ weight }) => weight === first?.weight);
  if (arrange === undefined || backends.length < 2 || (isEven && scheduler !== 'maglev')) return backends;
  const sequences = known.get(backends) ?? new Map<Scheduler, Backends>();
  known.set(backends, sequences);
  const sequence = sequences.get(scheduler) ?? arrange(backends);
  sequences.set(scheduler, sequence);
  return sequence;
}

const ARRANGEMENTS: Readonly<Partial<Record<Scheduler, (backends: Backends) => Backends>>> = {
  random: repeated,
  sh: repeated,
  wrr: interleaved,
  maglev: tabled,
};

/** Everybody's first slots stand together at the start, where nft looks for another backend. */
function repeated(backends: Backends): Backends {
  const counts = countsOf(backends);
  const more = backends.flatMap((each, index) => Array<BackendRow>((counts[index] ?? 1) - 1).fill(each));
  return [...backends, ...more];
}

/** Each backend's turns lie evenly in the whole: the n-th of them at (n + ½) / all of its own. */
function interleaved(backends: Backends): Backends {
  const counts = countsOf(backends);
  return backends
    .flatMap((backend, index) => {
      const count = counts[index] ?? 0;
      return Array.from({ length: count }, (_, turn) => ({ backend, index, place: (turn + 0.5) / count }));
    })
    .sort((a, b) => a.place - b.place || a.index - b.index)
    .map(({ backend }) => backend);
}

function countsOf(backends: Backends): readonly number[] {
  return slotCounts(backends.map(({ weight }) => weight));
}

function tabled(backends: Backends): Backends {
  const members = backends.map(({ address, port, weight }) => ({
    name: formatEndpoint(address, port),
    weight,
  }));
  const sequence: BackendRow[] = [];
  for (const index of maglevTable(members)) {
    const backend = backends[index];
    if (backend !== undefined) sequence.push(backend);
  }
  return sequence;
}
