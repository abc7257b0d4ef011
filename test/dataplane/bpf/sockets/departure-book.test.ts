import { describe, expect, it } from 'vitest';
import {
  createDepartureBook,
  type DepartureBook,
} from '../../../../src/dataplane/bpf/sockets/departure-book.ts';
import type { Address } from '../../../../src/model/address.ts';
import type { Port } from '../../../../src/model/names.ts';
import { DEFAULT_BALANCING, type ServiceRows } from '../../../../src/model/rows.ts';
import { SERVER_PORT, SERVERS, serviceOf } from './scene.ts';

const [FIRST, SECOND] = SERVERS;

function web(
  servers: readonly string[],
  terminateAfterSeconds: number | null,
  protocol: 'TCP' | 'UDP' = 'TCP',
) {
  return serviceOf('web', [], servers, {
    protocol,
    balancing: { ...DEFAULT_BALANCING, terminateAfterSeconds },
  });
}

const follow = (book: DepartureBook, row: ServiceRows) => book.follow([[row.id, row]]);
const first = (number: number, { id }: ServiceRows) => ({
  number,
  service: id,
  endpoint: { address: FIRST as Address, port: SERVER_PORT as Port },
});
/** What an agent left in the table of a backend FIRST of the Service, when that waits for its grace to end, or not. */
function leftBy(departedAt: number) {
  const row = web([SECOND], 60);
  const book = createDepartureBook();
  follow(book, row);
  book.add([first(7, row)], 1);
  if (departedAt > 0) book.judge(departedAt);
  return [...book.departures];
}
const timesOf = (book: DepartureBook) =>
  [...book.departures.values()].map(({ departedAt, graceSeconds }) => [departedAt, graceSeconds]);

describe('the book of departures', () => {
  it('[E7] knows those of TCP Services that ask for it', () => {
    const book = createDepartureBook();
    for (const row of [web([SECOND], null), web([SECOND], 60, 'UDP')]) {
      follow(book, row);
      book.add([first(7, row)], 1);
    }
    expect(book.departures.size).toBe(0);
    const row = web([SECOND], 60);
    follow(book, row);
    book.add([first(8, row)], 1);
    expect([...book.departures.keys()]).toEqual([8]);
  });

  it('[E7] [H1] goes on with what an earlier agent left, by its time', () => {
    const book = createDepartureBook();
    follow(book, web([SECOND], 60));
    book.adopt(leftBy(100));
    book.judge(500);
    expect(timesOf(book)).toEqual([[100, 60]]);
    expect(book.unwritten()).toEqual([]);
  });

  it('[E7] takes a Service that went meanwhile for a departure of all its endpoints', () => {
    const book = createDepartureBook();
    book.adopt(leftBy(0));
    book.dropUnasked(new Map());
    book.judge(500);
    expect(timesOf(book)).toEqual([[500, 60]]);
  });

  it('[E7] drops those of a Service whose annotation went meanwhile', () => {
    const book = createDepartureBook();
    const row = web([SECOND], null);
    follow(book, row);
    book.adopt(leftBy(100));
    book.dropUnasked(new Map([[row.id, row]]));
    expect(book.unwritten()).toEqual([[7, undefined]]);
  });

  it('writes what changed while it was being written once more', () => {
    const book = createDepartureBook();
    const row = web([SECOND], 60);
    follow(book, row);
    book.add([first(7, row)], 1);
    book.judge(100);
    const entries = book.unwritten();
    follow(book, web([FIRST], 60));
    book.judge(200);
    book.written(entries);
    expect(book.unwritten().map(([, departure]) => departure?.departedAt)).toEqual([0]);
    book.written(book.unwritten());
    expect(book.unwritten()).toEqual([]);
  });

  it('[E7] forgets none that is so new that a connection to it may just be made', () => {
    const book = createDepartureBook();
    const row = web([SECOND], 60);
    follow(book, row);
    book.add([first(7, row)], 1000);
    expect([book.forget(7, 999), book.forget(7, 1000)]).toEqual([false, true]);
    expect(book.departures.size).toBe(0);
  });
});
