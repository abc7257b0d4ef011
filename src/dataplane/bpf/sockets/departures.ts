/**
 * Ends the connections of backends that went, some time later, where their Service asks for that (`weir.dev/terminate-after`).
 * Which backends those are, and since when, is kept in a table that the program on connections looks into.
 */
import type { Departure } from '../../../generated/socket.ts';
import type { Table } from '../../../kernel/bpf-table.ts';
import type { ServiceId, ServiceRows } from '../../../model/rows.ts';
import { createWorkQueue } from '../../work-queue.ts';
import type { LeftBackend } from '../services/installed.ts';
import { createDepartureBook, type DepartureBook } from './departure-book.ts';
import type { Ending } from './ending.ts';

/** The table of departures, by number of the backend, and the program that goes by it. */
export interface DepartureKernel extends Pick<Ending, 'endDeparted'> {
  readonly departures: Table<number, Departure>;
}

export interface Departures extends Pick<DepartureBook, 'follow'> {
  /** These get no new connections any more. */
  add(left: readonly LeftBackend[]): void;
  /** Brings the table up to date. `all`: every Service there is, where these were read anew. */
  settle(all?: ReadonlyMap<ServiceId, ServiceRows>): Promise<void>;
  /** Ends connections, and forgets departures that nobody is connected to any more. */
  sweep(): Promise<void>;
  /** Ends nothing any more; what the table says counts for the next agent. */
  close(): void;
}

const NANOSECONDS_PER_SECOND = 1_000_000_000;
/** Between the choice of a backend and the connection that the kernel knows of lie microseconds. */
const YOUNG_NANOSECONDS = NANOSECONDS_PER_SECOND;
const LONGEST_TIMER_MS = 86_400_000;

/** `kernel` null: it is not there yet, and what is to be written waits. What failed is tried again by the next call. */
export function createDepartures(
  kernel: () => DepartureKernel | null,
  onError: (error: unknown) => void,
): Departures {
  const book = createDepartureBook();
  let loaded = false;
  let sweptAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  // A write must not undo what the program noted meanwhile.
  const exclusively = createWorkQueue();
  const withKernel = (work: (kernel: DepartureKernel) => Promise<void>): Promise<void> =>
    exclusively(async () => {
      const found = kernel();
      if (found === null || closed) return;
      await work(found);
      schedule();
    }).catch(onError);
  const schedule = (): void => {
    clearTimeout(timer);
    const next = Math.min(...endsOf(book.departures.values()).filter((end) => end > sweptAt));
    if (closed || next === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(1, Math.ceil((next - monotonicNow()) / 1_000_000));
    timer = setTimeout(() => void sweep(), Math.min(delayMs, LONGEST_TIMER_MS)).unref();
  };
  const sweep = (): Promise<void> =>
    withKernel(async ({ departures, endDeparted }) => {
      if (book.departures.size === 0) return;
      sweptAt = monotonicNow();
      await endDeparted();
      const idle = (await departures.entries()).filter(([, { seen }]) => seen < sweptAt);
      const before = sweptAt - YOUNG_NANOSECONDS;
      await departures.delete(idle.map(([number]) => number).filter((number) => book.forget(number, before)));
    });
  return {
    follow: book.follow,
    add: (left) => book.add(left, monotonicNow()),
    settle: (all) =>
      withKernel(async ({ departures }) => {
        if (!loaded) book.adopt(await departures.entries());
        loaded = true;
        if (all !== undefined && book.departures.size > 0) book.dropUnasked(all);
        book.judge(monotonicNow());
        await write(book, departures);
      }),
    sweep,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

async function write(book: DepartureBook, table: Table<number, Departure>): Promise<void> {
  const entries = book.unwritten();
  await table.set(
    entries.flatMap(([number, departure]) => (departure === undefined ? [] : [[number, departure] as const])),
  );
  await table.delete(entries.filter(([, departure]) => departure === undefined).map(([number]) => number));
  book.written(entries);
}

/** When the connections of those that departed are to end. */
function endsOf(departures: Iterable<Departure>): readonly number[] {
  return [...departures]
    .filter(({ departedAt }) => departedAt > 0)
    .map(({ departedAt, graceSeconds }) => departedAt + graceSeconds * NANOSECONDS_PER_SECOND);
}

/** CLOCK_MONOTONIC in ns, as the programs read it. */
function monotonicNow(): number {
  return Number(process.hrtime.bigint());
}
