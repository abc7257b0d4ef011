import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, list, one, type Shape, shapeOf } from '../../../src/source/kubernetes/protobuf.ts';
import { SHAPES } from '../../../src/source/kubernetes/shapes.ts';
import { parseObject } from '../../../src/source/parse-object.ts';
import { encodeMessage } from './protobuf-encoding.ts';

const INNER = shapeOf({ 1: one('name', 'text'), 30: one('count', 'number') });
const SHAPE = shapeOf({
  1: one('text', 'text'),
  2: list('texts', 'text'),
  3: one('number', 'number'),
  4: one('flag', 'flag'),
  5: one('time', 'time'),
  6: one('port', 'number or text'),
  7: one('map', 'text map'),
  16: list('inner', INNER),
});

const SECONDS = shapeOf({ 1: one('seconds', 'number') });

const text = fc.string({ unit: 'grapheme', minLength: 1 });
const key = text.filter((name) => name !== '__proto__');
const number = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const message = fc.record(
  {
    text,
    texts: fc.array(fc.string(), { minLength: 1 }),
    number,
    flag: fc.boolean(),
    time: fc.integer({ min: -4e9, max: 4e9 }).map((seconds) => new Date(seconds * 1000).toISOString()),
    port: fc.oneof(fc.integer({ min: -1, max: 65535 }), text),
    map: fc.dictionary(key, fc.string(), { minKeys: 1 }),
    inner: fc.array(fc.record({ name: text, count: number }, { requiredKeys: [] }), { minLength: 1 }),
  },
  { requiredKeys: [] },
);

describe('protocol buffers', () => {
  it('say what the same object says as JSON', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(decodeMessage(encodeMessage(value, SHAPE), SHAPE)).toEqual(value);
      }),
    );
  });

  it('are read past fields that nobody wants, of every wire type', () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytes = encodeMessage(value, SHAPE);
        // 100: a number, eight bytes, text, four bytes.
        const strange = Buffer.from(
          ['a00605', 'a1060000000000000000', 'a2060161', 'a50600000000'].join(''),
          'hex',
        );
        const both = Buffer.concat([strange, bytes, strange]);
        expect(decodeMessage(both, SHAPE)).toEqual(value);
        expect(decodeMessage(both, [])).toEqual({});
      }),
    );
  });

  it('of a time that no calendar has cost no more than that time', () => {
    const never = encodeMessage(
      { text: 'a', time: { seconds: 1e17 } },
      shapeOf({ ...SHAPE, 5: one('time', SECONDS) }),
    );
    expect(decodeMessage(never, SHAPE)).toEqual({ text: 'a', time: '100000000000000000 s' });
  });

  it('that are cut short or none at all are refused, never read beyond their end', () => {
    const refusals = ['0a05616263', '80', '0b', '0affffffff0f', '0afbffffffffffffffff01', '3203 0a0561'].map(
      (hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'),
    );
    for (const bytes of refusals) expect(() => decodeMessage(bytes, SHAPE)).toThrow(RangeError);
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          decodeMessage(Buffer.from(bytes), SHAPE);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

/** Objects that make every branch of their parser look at its fields. */
const FULL = {
  EndpointSlice: {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'shop' },
    addressType: 'IPv4',
    ports: [{}],
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: {},
        targetRef: { kind: 'Pod', name: 'web-1' },
        hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'b' }] },
      },
    ],
  },
  Service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      type: 'LoadBalancer',
      ports: [{ port: 80 }],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: {} },
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
  },
  Pod: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop' },
    spec: {
      initContainers: [{ restartPolicy: 'Always', ports: [{ containerPort: 1 }] }],
      containers: [{ ports: [{ containerPort: 80 }] }],
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }], podIPs: [{ ip: '10.0.0.1' }] },
  },
};

/** The same data; notes the path of every field that is looked at, lists left out. */
function watched(value: unknown, path: string, seen: Set<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => watched(item, path, seen));
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    getOwnPropertyDescriptor(target, name) {
      seen.add(`${path}${String(name)}`);
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
    get: (target, name) => watched(Reflect.get(target, name), `${path}${String(name)}.`, seen),
  });
}

function pathsOf(shape: Shape, path = ''): string[] {
  return shape.flatMap((field) => {
    if (field === undefined) return [];
    const here = `${path}${field.name}`;
    return typeof field.type === 'string' ? [here] : [here, ...pathsOf(field.type, `${here}.`)];
  });
}

it.each(Object.entries(FULL))('the shape of %s has every field that its parser reads', (kind, object) => {
  const seen = new Set<string>();
  expect(parseObject(watched(object, '', seen), null)).toMatchObject({ type: 'object' });
  for (const path of ['kind', 'apiVersion']) expect(seen.delete(path)).toBe(true);
  const paths = pathsOf(SHAPES[kind as keyof typeof FULL] ?? []);
  expect([...seen].filter((path) => !paths.includes(path))).toEqual([]);
});
