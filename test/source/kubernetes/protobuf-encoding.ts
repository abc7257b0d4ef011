/** The way back: objects as an API server writes them in protocol buffers, with the fields of our shapes only. */

import type { ObjectKind } from '../../../src/model/objects.ts';
import { list, one, type Shape, type ShapeField, shapeOf } from '../../../src/source/kubernetes/protobuf.ts';
import { OBJECT_META, SHAPES } from '../../../src/source/kubernetes/shapes.ts';

type Json = Readonly<Record<string, unknown>>;

const UNKNOWN = shapeOf({ 2: one('raw', 'bytes') });
const WATCH_EVENT = shapeOf({
  1: one('type', 'text'),
  2: one('object', shapeOf({ 1: one('raw', 'bytes') })),
});
const LIST_META = shapeOf({ 2: one('resourceVersion', 'text'), 3: one('continue', 'text') });
const STATUS = shapeOf({ 3: one('message', 'text'), 6: one('code', 'number') });

/** A frame of a watch: ADDED and the like, a BOOKMARK, or an ERROR with its Status. */
export function encodeEvent(
  kind: string,
  { type, object }: { readonly type: string; readonly object: Json },
): Buffer {
  const raw = wrap(object, type === 'ERROR' ? STATUS : shapeFor(kind));
  const event = encodeMessage({ type, object: { raw } }, WATCH_EVENT);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

export function encodeList(kind: string, page: Json): Buffer {
  return wrap(page, shapeOf({ 1: one('metadata', LIST_META), 2: list('items', shapeFor(kind)) }));
}

export function encodeStatus(status: Json): Buffer {
  return wrap(status, STATUS);
}

function shapeFor(kind: string): Shape {
  return SHAPES[kind as ObjectKind] ?? shapeOf({ 1: one('metadata', OBJECT_META) });
}

function wrap(message: Json, shape: Shape): Buffer {
  const raw = encodeMessage(message, shape);
  return Buffer.concat([Buffer.from('k8s\0'), encodeMessage({ raw }, UNKNOWN)]);
}

/** Every field of the message that the shape has; absent texts as Go writes them, empty. */
export function encodeMessage(message: Json, shape: Shape): Buffer {
  const parts = shape.flatMap((field, number) => {
    if (field === undefined) return [];
    const value = message[field.name] ?? (field.type === 'text' && !field.list ? '' : undefined);
    if (value === undefined) return [];
    if (field.type === 'text map') {
      const entries = Object.entries(value as Readonly<Record<string, string>>);
      return entries.map(([key, text]) => delimited(number, encodeMessage({ key, value: text }, MAP_ENTRY)));
    }
    const values = field.list ? (value as readonly unknown[]) : [value];
    return values.map((one) => encodeField(number, field, one));
  });
  return Buffer.concat(parts);
}

const MAP_ENTRY = shapeOf({ 1: one('key', 'text'), 2: one('value', 'text') });
const TIME = shapeOf({ 1: one('seconds', 'number') });
const NUMBER_OR_TEXT = shapeOf({
  1: one('type', 'number'),
  2: one('number', 'number'),
  3: one('text', 'text'),
});

function encodeField(number: number, { type }: ShapeField, value: unknown): Buffer {
  switch (type) {
    case 'text':
      return delimited(number, Buffer.from(String(value)));
    case 'bytes':
      return delimited(number, value as Buffer);
    case 'number':
    case 'flag':
      return Buffer.concat([varint(number * 8), varint(Number(value))]);
    case 'time':
      return delimited(number, encodeMessage({ seconds: Date.parse(String(value)) / 1000 }, TIME));
    case 'number or text': {
      const isText = typeof value === 'string';
      const parts = isText ? { type: 1, number: 0, text: value } : { type: 0, number: value };
      return delimited(number, encodeMessage(parts, NUMBER_OR_TEXT));
    }
    case 'text map':
      throw new Error('maps are encoded by entry');
    default:
      return delimited(number, encodeMessage(value as Json, type));
  }
}

function delimited(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** Negative numbers take ten bytes. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
