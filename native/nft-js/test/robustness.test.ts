import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SetElement } from '../src/commands.ts';
import { readElements } from '../src/elements.ts';
import { createEventAssembler } from '../src/monitor-events.ts';
import { MalformedMessageError, readAttributes, readMessages } from '../src/netlink-reader.ts';
import { chainOf, ruleOf, setOf, tableOf } from '../src/ruleset.ts';
import { encodeTransaction } from '../src/transaction-encoding.ts';
import { readRecords } from '../src/user-data.ts';
import * as arbitrary from './arbitraries.ts';

const T = { family: 'inet', table: 't' } as const;

/** Reads the bytes as every kind of answer; each must give a value or say that the message is malformed. */
function readAsEverything(bytes: Buffer): void {
  const readers = [
    (start: number, end: number) => tableOf(readAttributes(bytes, start, end), 'inet'),
    (start: number, end: number) => chainOf(readAttributes(bytes, start, end), 'inet'),
    (start: number, end: number) => ruleOf(readAttributes(bytes, start, end), 'ip6'),
    (start: number, end: number) => setOf(readAttributes(bytes, start, end)),
    (start: number, end: number) => readElements(readAttributes(bytes, start, end), 'bytes', []),
    (start: number, end: number) => readElements(readAttributes(bytes, start, end), 'binary', []),
  ];
  attempt(() => createEventAssembler(() => false)(bytes));
  for (const { start, end } of attempt(() => readMessages(bytes)) ?? []) {
    for (const read of readers) attempt(() => read(start, end));
  }
  for (const read of readers) attempt(() => read(0, bytes.length));
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessageError);
    return undefined;
  }
}

describe('decoding', () => {
  it('of random bytes ends in a value or in MalformedMessageError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => readAsEverything(Buffer.from(bytes))),
      { numRuns: 1000 },
    );
  });

  it('of messages with bytes changed or cut off ends in a value or in MalformedMessageError', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
    const content = fc.tuple(
      fc.array(arbitrary.expression, { maxLength: 6 }),
      fc.array(arbitrary.element, { maxLength: 6 }),
    );
    fc.assert(
      fc.property(content, changes, fc.nat(), ([expressions, elements], replaced, cut) => {
        const { bytes } = encodeTransaction([
          { verb: 'add', object: 'table', ...T, comment: 'table' },
          {
            verb: 'add',
            object: 'chain',
            ...T,
            chain: 'c',
            base: { type: 'nat', hook: 'input', priority: -1 },
          },
          {
            verb: 'add',
            object: 'set',
            ...T,
            set: 's',
            spec: { key: ['mark', 'mark'], data: 'verdict', interval: true },
          },
          { verb: 'add', object: 'rule', ...T, chain: 'c', expressions },
          { verb: 'add', object: 'elements', ...T, set: 's', elements },
        ]);
        for (const [place, value] of replaced) bytes[place % bytes.length] = value;
        readAsEverything(bytes);
        readAsEverything(bytes.subarray(0, cut % bytes.length));
      }),
      { numRuns: 500 },
    );
  });

  it('of user data keeps the whole records before a damaged one', () => {
    expect([...readRecords('\x00\x02a\x00\x05\x09b')]).toEqual([[0, 'a\x00']]);
  });

  it('takes a missing key for the catch-all element only', () => {
    const { bytes } = encodeTransaction([
      { verb: 'add', object: 'elements', ...T, set: 's', elements: [{ key: '', catchAll: true }] },
    ]);
    const [, message] = readMessages(bytes);
    const read: SetElement[] = [];
    if (message !== undefined) readElements(readAttributes(bytes, message.start, message.end), 'bytes', read);
    expect(read).toEqual([{ key: '', catchAll: true }]);
  });
});
