/** Reads netlink messages and attributes. Never reads outside the bytes given; malformed input throws. */
import {
  ATTRIBUTE_HEADER_BYTES,
  ATTRIBUTE_TYPE_MASK,
  LIST_ITEM,
  NETLINK_HEADER_BYTES,
  NFNETLINK_HEADER_BYTES,
} from './netlink-constants.ts';

/** Bytes that are no well-formed netlink message. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

/** A message's header; its attributes lie from `start` to `end`. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly family: number;
  readonly start: number;
  readonly end: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The attributes of one level by type; of a repeated type the last one counts. */
export interface Attributes {
  readonly bytes: Buffer;
  readonly spans: ReadonlyMap<number, Span>;
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** An unsigned 16 bit number in host order; `position` must lie inside. */
export function hostUint16(bytes: Buffer, position: number): number {
  return LITTLE ? bytes.readUInt16LE(position) : bytes.readUInt16BE(position);
}

function hostUint32(bytes: Buffer, position: number): number {
  return LITTLE ? bytes.readUInt32LE(position) : bytes.readUInt32BE(position);
}

/** The nfnetlink messages in `bytes`. Throws MalformedMessageError for a length that cannot be. */
export function readMessages(bytes: Buffer): readonly Message[] {
  const messages: Message[] = [];
  let position = 0;
  while (position < bytes.length) {
    const left = bytes.length - position;
    const length = left < NETLINK_HEADER_BYTES ? 0 : hostUint32(bytes, position);
    if (length < NETLINK_HEADER_BYTES + NFNETLINK_HEADER_BYTES || length > left) {
      throw new MalformedMessageError(`netlink message of ${length} bytes where ${left} are left`);
    }
    messages.push({
      type: hostUint16(bytes, position + 4),
      flags: hostUint16(bytes, position + 6),
      sequence: hostUint32(bytes, position + 8),
      portId: hostUint32(bytes, position + 12),
      family: bytes.readUInt8(position + NETLINK_HEADER_BYTES),
      start: position + NETLINK_HEADER_BYTES + NFNETLINK_HEADER_BYTES,
      end: position + length,
    });
    position += (length + 3) & ~3;
  }
  return messages;
}

/** End of the attribute at `position` in a level that ends at `end`. Throws MalformedMessageError. */
export function attributeEnd(bytes: Buffer, position: number, end: number): number {
  const length = end - position < ATTRIBUTE_HEADER_BYTES ? 0 : hostUint16(bytes, position);
  if (length < ATTRIBUTE_HEADER_BYTES || position + length > end) {
    throw new MalformedMessageError(`netlink attribute of ${length} bytes where ${end - position} are left`);
  }
  return position + length;
}

/** Type of the attribute at `position`, without the nesting flags. */
export function attributeType(bytes: Buffer, position: number): number {
  return hostUint16(bytes, position + 2) & ATTRIBUTE_TYPE_MASK;
}

/** The attributes from `start` to `end`. Throws MalformedMessageError. */
export function readAttributes(bytes: Buffer, start: number, end: number): Attributes {
  const spans = new Map<number, Span>();
  for (let position = start; position < end; ) {
    const stop = attributeEnd(bytes, position, end);
    spans.set(attributeType(bytes, position), { start: position + ATTRIBUTE_HEADER_BYTES, end: stop });
    position = (stop + 3) & ~3;
  }
  return { bytes, spans };
}

/** The items of a list attribute, each as its own level of attributes. Throws MalformedMessageError. */
export function listOf(attributes: Attributes, type: number): readonly Attributes[] {
  const list = attributes.spans.get(type);
  const items: Attributes[] = [];
  if (list === undefined) return items;
  for (let position = list.start; position < list.end; ) {
    const stop = attributeEnd(attributes.bytes, position, list.end);
    if (attributeType(attributes.bytes, position) === LIST_ITEM) {
      items.push(readAttributes(attributes.bytes, position + ATTRIBUTE_HEADER_BYTES, stop));
    }
    position = (stop + 3) & ~3;
  }
  return items;
}

/** A nested attribute's own attributes. Throws MalformedMessageError. */
export function nestedOf(attributes: Attributes, type: number): Attributes | undefined {
  const span = attributes.spans.get(type);
  return span && readAttributes(attributes.bytes, span.start, span.end);
}

/** An attribute of 1, 2 or 4 bytes as an unsigned number. Throws MalformedMessageError for another length. */
export function numberOf(attributes: Attributes, type: number): number | undefined {
  const span = attributes.spans.get(type);
  if (span === undefined) return undefined;
  const length = span.end - span.start;
  if (length !== 1 && length !== 2 && length !== 4) {
    throw new MalformedMessageError(`number of ${length} bytes in netlink attribute ${type}`);
  }
  return attributes.bytes.readUIntBE(span.start, length);
}

/** An attribute of 8 bytes as a number; values past 2^53 are rounded. Throws MalformedMessageError. */
export function longOf(attributes: Attributes, type: number): number | undefined {
  const span = attributes.spans.get(type);
  if (span === undefined) return undefined;
  if (span.end - span.start !== 8) throw new MalformedMessageError(`attribute ${type} should have 8 bytes`);
  return attributes.bytes.readUInt32BE(span.start) * 2 ** 32 + attributes.bytes.readUInt32BE(span.start + 4);
}

/** A text attribute up to its NUL. */
export function textOf(attributes: Attributes, type: number): string | undefined {
  const span = attributes.spans.get(type);
  if (span === undefined) return undefined;
  const text = attributes.bytes.subarray(span.start, span.end);
  const terminator = text.indexOf(0);
  return text.toString('utf8', 0, terminator < 0 ? text.length : terminator);
}

/** An attribute's bytes as a binary string. */
export function binaryOf(attributes: Attributes, type: number): string | undefined {
  const span = attributes.spans.get(type);
  return span && attributes.bytes.toString('latin1', span.start, span.end);
}
