/** Arbitrary values of the package's data, for property tests. */
import fc from 'fast-check';
import type { SetElement, Verdict } from '../src/commands.ts';
import * as expr from '../src/expr.ts';
import {
  COMPARE_OPERATOR,
  CT_KEY,
  FIB_FLAG,
  LIMIT_UNIT,
  META_KEY,
  NAT_FLAG,
  PAYLOAD_BASE,
} from '../src/expression-names.ts';
import type { Expression } from '../src/expressions.ts';

const keysOf = <Name extends string>(table: Readonly<Record<Name, unknown>>) => Object.keys(table) as Name[];
const oneOf = <Name extends string>(table: Readonly<Record<Name, unknown>>) =>
  fc.constantFrom(...keysOf(table));

/** A binary string of `min` to `max` bytes. */
export const binary = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((bytes) => String.fromCharCode(...bytes));
/** A name of a set or chain. */
export const objectName = fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/);
const register = fc.integer({ min: 0, max: 15 });
const number32 = fc.integer({ min: 0, max: 0xffffffff });
const long = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const flag = fc.boolean();
const optional = { requiredKeys: [] as [] };
const comment = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => {
  return !text.includes('\0') && Buffer.byteLength(text) <= 128;
});

export const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({
    code: fc.constantFrom('accept' as const, 'drop' as const, 'continue' as const, 'return' as const),
  }),
  fc.record({ code: fc.constantFrom('jump' as const, 'goto' as const), chain: objectName }),
);

const ports = fc.record(
  { portMin: register, portMax: register, flags: fc.subarray(keysOf(NAT_FLAG)) },
  optional,
);
const icmpCode = fc.constantFrom('port-unreachable', 'host-unreachable', 'admin-prohibited', 'no-route');

const loads: readonly fc.Arbitrary<Expression>[] = [
  fc.record({ base: oneOf(PAYLOAD_BASE), offset: number32, length: number32, register }).map(expr.payload),
  fc
    .record(
      {
        of: fc.constantFrom('ipv6' as const, 'ipv4' as const),
        type: fc.nat(255),
        offset: number32,
        length: number32,
        present: fc.boolean(),
        register,
      },
      { requiredKeys: ['of', 'type', 'offset', 'length', 'register'] },
    )
    .map(expr.exthdr),
  fc.record({ key: oneOf(META_KEY), register }).map(expr.meta),
  fc.record({ key: oneOf(META_KEY), source: register }).map(expr.metaSet),
  fc
    .record(
      { key: oneOf(CT_KEY), direction: fc.constantFrom('original' as const, 'reply' as const), register },
      { requiredKeys: ['key', 'register'] },
    )
    .map(expr.ct),
  fc
    .record({
      result: fc.constantFrom('type' as const, 'oif' as const, 'oifname' as const),
      flags: fc.subarray(keysOf(FIB_FLAG)),
      register,
    })
    .map(expr.fib),
  fc
    .record({
      type: fc.constantFrom('random' as const, 'incremental' as const),
      modulus: number32,
      offset: number32,
      register,
    })
    .map(expr.numgen),
  fc
    .record(
      {
        type: fc.constantFrom('jenkins' as const, 'symmetric' as const),
        source: register,
        length: number32,
        modulus: number32,
        seed: number32,
        offset: number32,
        register,
      },
      { requiredKeys: ['type', 'modulus', 'register'] },
    )
    .map(expr.hash),
];

const values: readonly fc.Arbitrary<Expression>[] = [
  fc.record({ register, bytes: binary(0, 64) }).map(expr.immediate),
  verdict.map(expr.verdict),
  fc.record({ register, operator: oneOf(COMPARE_OPERATOR), bytes: binary(0, 64) }).map(expr.compare),
  fc
    .record({
      source: register,
      destination: register,
      length: number32,
      mask: binary(0, 64),
      xor: binary(0, 64),
    })
    .map(expr.bitwise),
  fc
    .record(
      {
        set: objectName,
        source: register,
        destination: fc.oneof(register, fc.constant('verdict' as const)),
        invert: flag,
      },
      { requiredKeys: ['set', 'source'] },
    )
    .map(expr.lookup),
  fc
    .record(
      {
        set: objectName,
        operation: fc.constantFrom('add' as const, 'update' as const, 'delete' as const),
        key: register,
        data: register,
        timeoutMs: long,
      },
      { requiredKeys: ['set', 'operation', 'key'] },
    )
    .map(expr.dynset),
];

const statements: readonly fc.Arbitrary<Expression>[] = [
  fc
    .record(
      {
        type: fc.constantFrom('snat' as const, 'dnat' as const),
        family: fc.constantFrom('ip' as const, 'ip6' as const),
        addressMin: register,
        addressMax: register,
        portMin: register,
        portMax: register,
        flags: fc.subarray(keysOf(NAT_FLAG)),
      },
      { requiredKeys: ['type', 'family'] },
    )
    .map(expr.nat),
  ports.map(expr.masquerade),
  ports.map(expr.redirect),
  fc
    .record({
      type: fc.constantFrom('tcp-reset' as const, 'icmp' as const, 'icmpx' as const),
      code: icmpCode,
    })
    .map((options) => expr.reject(options as Parameters<typeof expr.reject>[0])),
  fc.record({ packets: long, bytes: long }).map(expr.counter),
  fc
    .record({
      type: fc.constantFrom('packets' as const, 'bytes' as const),
      rate: long,
      unit: oneOf(LIMIT_UNIT),
      burst: number32,
      over: flag,
    })
    .map(expr.limit),
  fc.record({ count: number32, over: flag }).map(expr.connlimit),
  fc.record({ bytes: long, over: flag }).map(expr.quota),
  fc
    .record({ group: fc.integer({ min: 0, max: 0xffff }), prefix: objectName, snaplen: number32 }, optional)
    .map(expr.log),
  fc.constant(expr.notrack()),
  objectName.map((name) => expr.objref({ type: 'timeout', name })),
  fc
    .record({ name: fc.constant('objref'), attributes: fc.constant('\x08\x00\x01\x00\x00\x00\x00\x02') })
    .map(expr.raw),
];

export const expression: fc.Arbitrary<Expression> = fc.oneof(...loads, ...values, ...statements);

/** An element as it can be read back: keys and data as binary strings. */
export const element: fc.Arbitrary<SetElement> = fc.record(
  {
    key: binary(0, 64),
    keyEnd: binary(0, 64),
    intervalEnd: fc.constant(true),
    data: fc.oneof(binary(0, 64), verdict),
    timeoutMs: long,
    comment,
  },
  { requiredKeys: ['key'] },
);
