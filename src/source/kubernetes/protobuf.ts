/**
 * Protocol buffers, as far as Kubernetes uses them. Only the fields of a shape are decoded, to what the same object is as
 * JSON: objects of a large cluster are mostly fields that nobody here reads, which cost next to nothing this way.
 */

/** Text that is empty counts as absent: Go writes it where JSON leaves the field out. */
export type FieldType = 'text' | 'number' | 'flag' | 'bytes' | 'time' | 'number or text' | 'text map' | Shape;

export interface ShapeField {
  readonly name: string;
  readonly type: FieldType;
  readonly list: boolean;
}

/** Fields of a message, each at its number. */
export type Shape = readonly (ShapeField | undefined)[];

export type Message = Record<string, unknown>;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
/** Place of the bit that makes a number negative. */
const SIGN = 2 ** 63;

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

/**
 * Decodes one message.
 * @throws RangeError where the bytes are none
 */
export function decodeMessage(bytes: Buffer, shape: Shape): Message {
  return readMessage({ bytes, at: 0 }, bytes.length, shape);
}

function readMessage(reader: Reader, end: number, shape: Shape): Message {
  const message: Message = {};
  while (reader.at < end) {
    const tag = readVarint(reader);
    const field = shape[tag >>> 3];
    switch (tag & 7) {
      case DELIMITED: {
        const length = readVarint(reader);
        const next = reader.at + length;
        if (length < 0 || next > end) throw new RangeError(`field ${tag >>> 3} is cut short`);
        if (field !== undefined) takeDelimited(message, field, reader, next);
        reader.at = next;
        break;
      }
      case VARINT: {
        const value = readVarint(reader);
        if (field !== undefined) message[field.name] = field.type === 'flag' ? value !== 0 : value;
        break;
      }
      case FIXED64:
        reader.at += 8;
        break;
      case FIXED32:
        reader.at += 4;
        break;
      default:
        throw new RangeError(`field ${tag >>> 3} has wire type ${tag & 7}`);
    }
  }
  return message;
}

function takeDelimited(message: Message, field: ShapeField, reader: Reader, end: number): void {
  const { name, type, list } = field;
  if (type === 'text map') {
    const entry = readMessage(reader, end, MAP_ENTRY);
    const map = (message[name] ?? {}) as Record<string, unknown>;
    map[String(entry.key ?? '')] = entry.value ?? '';
    message[name] = map;
    return;
  }
  const value = readDelimited(reader, end, type);
  if (list) {
    const values = (message[name] ?? []) as unknown[];
    values.push(value);
    message[name] = values;
  } else if (value !== '' && value !== undefined) message[name] = value;
}

function readDelimited(reader: Reader, end: number, type: FieldType): unknown {
  switch (type) {
    case 'text':
      return reader.bytes.toString('utf8', reader.at, end);
    case 'bytes':
      return reader.bytes.subarray(reader.at, end);
    case 'time': {
      const { seconds } = readMessage(reader, end, TIME);
      return typeof seconds === 'number' ? timeText(seconds) : undefined;
    }
    case 'number or text': {
      const { type: kind, number, text } = readMessage(reader, end, NUMBER_OR_TEXT);
      return kind === 1 ? (text ?? '') : (number ?? 0);
    }
    case 'number':
    case 'flag':
    case 'text map':
      throw new RangeError(`a ${type} is written as bytes`);
    default:
      return readMessage(reader, end, type);
  }
}

/** Text that no time is read of, where there is no such time: the parser says so of the one object. */
function timeText(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? `${seconds} s` : time.toISOString();
}

/** As a number: what does not fit is no port, count or time. */
function readVarint(reader: Reader): number {
  const start = reader.at;
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined) throw new RangeError('the message ends in a number');
    reader.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return scale < SIGN ? value : signed(reader.bytes.subarray(start, reader.at));
    scale *= 0x80;
  }
}

/** Of ten bytes and more, which only negative numbers have. */
function signed(bytes: Buffer): number {
  const bits = bytes.reduceRight((number, byte) => (number << 7n) | BigInt(byte & 0x7f), 0n);
  return Number(BigInt.asIntN(64, bits));
}

/** A shape of these fields, by number. */
export function shapeOf(fields: Readonly<Record<number, ShapeField>>): Shape {
  const shape: (ShapeField | undefined)[] = [];
  for (const [number, field] of Object.entries(fields)) shape[Number(number)] = field;
  return shape;
}

/** A field that a message has once at most. */
export function one(name: string, type: FieldType): ShapeField {
  return { name, type, list: false };
}

/** A repeated field. */
export function list(name: string, type: FieldType): ShapeField {
  return { name, type, list: true };
}

const MAP_ENTRY = shapeOf({ 1: one('key', 'text'), 2: one('value', 'text') });
const TIME = shapeOf({ 1: one('seconds', 'number') });
const NUMBER_OR_TEXT = shapeOf({
  1: one('type', 'number'),
  2: one('number', 'number'),
  3: one('text', 'text'),
});
