import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toUint8Array } from '../src/bytes.ts';
import type { Command, SetElement, SetSpec } from '../src/commands.ts';
import type { DataType, NamedDataType } from '../src/data-types.ts';
import { readElements } from '../src/elements.ts';
import * as expr from '../src/expr.ts';
import { expressionsEqual, expressionsOf } from '../src/expression-encoding.ts';
import { RULE } from '../src/netlink-constants.ts';
import { type Attributes, readAttributes, readMessages } from '../src/netlink-reader.ts';
import { ruleOf } from '../src/ruleset.ts';
import { setSpecOf } from '../src/set-spec.ts';
import { encodeTransaction } from '../src/transaction-encoding.ts';
import * as arbitrary from './arbitraries.ts';

const T = { family: 'inet', table: 't' } as const;
const ACKNOWLEDGE = 0x4;

/** The attributes of the messages between the batch's begin and end. */
function attributesOf(commands: readonly Command[]): readonly Attributes[] {
  const { bytes } = encodeTransaction(commands);
  return readMessages(bytes)
    .slice(1, -1)
    .map((message) => readAttributes(bytes, message.start, message.end));
}

function firstOf(commands: readonly Command[]): Attributes {
  const [attributes] = attributesOf(commands);
  if (attributes === undefined) throw new Error('no message was encoded');
  return attributes;
}

function encodedElements(elements: readonly SetElement[]): SetElement[] {
  const read: SetElement[] = [];
  for (const attributes of attributesOf([{ verb: 'add', object: 'elements', ...T, set: 's', elements }])) {
    readElements(attributes, 'binary', read);
  }
  return read;
}

describe('expressions', () => {
  it('read back as what was written, whatever their kind and values', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.expression, { maxLength: 12 }), (expressions) => {
        const attributes = firstOf([{ verb: 'add', object: 'rule', ...T, chain: 'c', expressions }]);
        expect(expressionsOf(attributes, RULE.expressions, 'inet')).toEqual(expressions);
      }),
      { numRuns: 500 },
    );
  });

  it('tell icmp from icmpv6 by the family of the table', () => {
    const expressions = [expr.reject({ type: 'icmpv6', code: 'host-unreachable' })];
    const attributes = firstOf([
      { verb: 'add', object: 'rule', family: 'ip6', table: 't', chain: 'c', expressions, comment: 'why' },
    ]);
    expect(ruleOf(attributes, 'ip6')).toMatchObject({ chain: 'c', expressions, comment: 'why' });
  });

  it('are equal when only what counters counted differs', () => {
    const verdict = expr.verdict({ code: 'accept' });
    expect(expressionsEqual([expr.counter({ packets: 9 }), verdict], [expr.counter(), verdict])).toBe(true);
    expect(expressionsEqual([expr.counter()], [expr.counter(), verdict])).toBe(false);
  });

  it('refuse registers that do not exist', () => {
    const expressions = [expr.meta({ key: 'mark', register: 16 })];
    expect(() => encodeTransaction([{ verb: 'add', object: 'rule', ...T, chain: 'c', expressions }])).toThrow(
      'register 16: registers are numbered 0 to 15',
    );
  });
});

describe('elements', () => {
  it('read back as what was written', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.element, { maxLength: 10 }), (elements) => {
        expect(encodedElements(elements)).toEqual(elements);
      }),
    );
  });

  it('encode alike from binary strings and from Uint8Array', () => {
    fc.assert(
      fc.property(arbitrary.binary(0, 64), arbitrary.binary(0, 64), (key, data) => {
        const command = (element: SetElement): Command => {
          return { verb: 'add', object: 'elements', ...T, set: 's', elements: [element] };
        };
        const fromArrays = encodeTransaction([command({ key: toUint8Array(key), data: toUint8Array(data) })]);
        expect(fromArrays.bytes).toEqual(encodeTransaction([command({ key, data })]).bytes);
      }),
    );
  });

  it('are split so that neither 400 elements nor the 16 bit length of a list is exceeded', () => {
    const small = Array.from({ length: 1001 }, (_, index) => ({
      key: String.fromCharCode(index >> 8, index & 255),
    }));
    expect(attributesOf([{ verb: 'add', object: 'elements', ...T, set: 's', elements: small }])).toHaveLength(
      3,
    );
    expect(encodedElements(small)).toEqual(small);
    const wide = small.map(({ key }) => {
      return { key: key.padEnd(64, 'k'), keyEnd: key.padEnd(64, 'l'), comment: 'c'.repeat(128) };
    });
    expect(encodedElements(wide)).toEqual(wide);
  });

  it('are deleted by key alone', () => {
    const elements = [{ key: 'kkkk', keyEnd: 'llll', data: 'dddd', timeoutMs: 5, comment: 'gone' }];
    const read: SetElement[] = [];
    readElements(firstOf([{ verb: 'delete', object: 'elements', ...T, set: 's', elements }]), 'binary', read);
    expect(read).toEqual([{ key: 'kkkk', keyEnd: 'llll' }]);
  });

  it('refuse a comment that nft could not show', () => {
    const elements = [{ key: 'k', comment: 'c'.repeat(129) }];
    expect(() => encodedElements(elements)).toThrow('comment of 129 bytes; at most 128 fit');
  });
});

describe('sets', () => {
  const named: readonly NamedDataType[] = [
    'ipv4_addr',
    'ipv6_addr',
    'inet_proto',
    'inet_service',
    'mark',
    'ifname',
  ];
  const types: fc.Arbitrary<readonly DataType[]> = fc.oneof(
    fc.array(fc.constantFrom(...named), { minLength: 1, maxLength: 3 }),
    fc.integer({ min: 5, max: 64 }).map((bytes): readonly DataType[] => [`integer:${bytes}`]),
  );
  const spec = fc.record(
    {
      key: types,
      data: fc.oneof(types, fc.constant('verdict' as const)),
      interval: fc.constant(true),
      dynamic: fc.constant(true),
      size: fc.integer({ min: 1, max: 0xffffffff }),
      comment: fc
        .string({ maxLength: 20 })
        .filter((text) => !text.includes('\0') && Buffer.byteLength(text) <= 128),
    },
    { requiredKeys: ['key'] },
  );
  const timed = fc.record(
    { timeout: fc.constant(true), defaultTimeoutMs: fc.integer({ min: 1 }) },
    { requiredKeys: ['timeout'] },
  );

  it('read back as what was written', () => {
    fc.assert(
      fc.property(spec, fc.option(timed, { nil: {} }), (shape, times) => {
        const whole: SetSpec = { ...shape, ...times };
        expect(setSpecOf(firstOf([{ verb: 'add', object: 'set', ...T, set: 's', spec: whole }]))).toEqual(
          whole,
        );
      }),
    );
  });

  it('refuse an unknown type and a missing spec', () => {
    const bad = { key: ['ipv5_addr' as DataType] };
    expect(() => firstOf([{ verb: 'add', object: 'set', ...T, set: 's', spec: bad }])).toThrow(
      "unknown nft data type 'ipv5_addr'; use one of",
    );
    expect(() => firstOf([{ verb: 'add', object: 'set', ...T, set: 's' }])).toThrow('give its key type');
  });
});

describe('batches', () => {
  const commands: readonly Command[] = [
    { verb: 'add', object: 'table', ...T },
    { verb: 'add', object: 'chain', ...T, chain: 'c' },
  ];

  it('number their messages and ask for one ack, with the last command', () => {
    const batch = encodeTransaction(commands, { startSequence: 7 });
    const messages = readMessages(batch.bytes);
    expect(messages.map(({ sequence }) => sequence)).toEqual([7, 8, 9, 10]);
    expect(messages.map(({ flags }) => flags & ACKNOWLEDGE)).toEqual([0, 0, ACKNOWLEDGE, 0]);
    expect(batch).toMatchObject({ firstSequence: 7, acknowledgedSequence: 9, nextSequence: 11 });
    expect(batch.objects.map(({ command }) => command)).toEqual([0, 1]);
  });

  it('wrap the sequence number at 32 bits', () => {
    const batch = encodeTransaction(commands, { startSequence: 0xffffffff });
    expect(readMessages(batch.bytes).map(({ sequence }) => sequence)).toEqual([0xffffffff, 0, 1, 2]);
  });

  it('refuse to delete a rule without its handle', () => {
    expect(() => encodeTransaction([{ verb: 'delete', object: 'rule', ...T, chain: 'c' }])).toThrow(
      'name one',
    );
  });
});
