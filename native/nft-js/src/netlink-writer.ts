/** Writes netlink messages and attributes into one growing buffer. Numbers go out in network order, as nftables has them. */
import type { Bytes } from './bytes.ts';
import {
  ATTRIBUTE_HEADER_BYTES,
  ATTRIBUTE_LIMIT,
  NESTED,
  NETLINK_HEADER_BYTES,
  NFNETLINK_HEADER_BYTES,
} from './netlink-constants.ts';

/** A buffer that grows; `length` bytes of it are written. */
export interface Writer {
  buffer: Buffer;
  length: number;
}

export interface MessageHeader {
  readonly type: number;
  readonly flags: number;
  readonly family: number;
  readonly sequence: number;
  /** nfgenmsg.res_id: the subsystem in batch messages. */
  readonly resource?: number;
}

/** An empty writer with room for `capacity` bytes before it has to grow. */
export function createWriter(capacity = 4096): Writer {
  return { buffer: Buffer.allocUnsafe(capacity), length: 0 };
}

/** What was written, sharing the writer's memory. */
export function writtenBytes(writer: Writer): Buffer {
  return writer.buffer.subarray(0, writer.length);
}

/** Makes room for `bytes` more. */
export function reserve(writer: Writer, bytes: number): void {
  const wanted = writer.length + bytes;
  if (wanted <= writer.buffer.length) return;
  const grown = Buffer.allocUnsafe(Math.max(wanted, writer.buffer.length * 2));
  writer.buffer.copy(grown, 0, 0, writer.length);
  writer.buffer = grown;
}

/** Starts a message; returns its offset for endMessage. */
export function startMessage(writer: Writer, header: MessageHeader): number {
  reserve(writer, NETLINK_HEADER_BYTES + NFNETLINK_HEADER_BYTES);
  const { buffer, length: start } = writer;
  buffer.writeUInt32LE(0, start);
  writeHost16(buffer, header.type, start + 4);
  writeHost16(buffer, header.flags, start + 6);
  writeHost32(buffer, header.sequence, start + 8);
  writeHost32(buffer, 0, start + 12);
  buffer[start + 16] = header.family;
  buffer[start + 17] = 0;
  buffer.writeUInt16BE(header.resource ?? 0, start + 18);
  writer.length = start + NETLINK_HEADER_BYTES + NFNETLINK_HEADER_BYTES;
  return start;
}

/** Ends the message that starts at `start`. */
export function endMessage(writer: Writer, start: number): void {
  writeHost32(writer.buffer, writer.length - start, start);
}

/** Sets flags of a message written before. */
export function addMessageFlags(writer: Writer, start: number, flags: number): void {
  writeHost16(writer.buffer, readHost16(writer.buffer, start + 6) | flags, start + 6);
}

/** Starts a nested attribute; returns its offset for endNest. */
export function startNest(writer: Writer, type: number): number {
  reserve(writer, ATTRIBUTE_HEADER_BYTES);
  const start = writer.length;
  writeHost16(writer.buffer, type | NESTED, start + 2);
  writer.length = start + ATTRIBUTE_HEADER_BYTES;
  return start;
}

/** Ends the nested attribute at `start`. Throws RangeError if it grew past an attribute's 65535 bytes. */
export function endNest(writer: Writer, start: number): void {
  const length = writer.length - start;
  if (length > ATTRIBUTE_LIMIT)
    throw new RangeError(`netlink attribute of ${length} bytes; at most 65535 fit`);
  writeHost16(writer.buffer, length, start);
}

/** A 32 bit attribute; negative values go out as two's complement. */
export function putUint32(writer: Writer, type: number, value: number): void {
  const position = putHeader(writer, type, 4);
  writer.buffer.writeUInt32BE(value >>> 0, position);
}

/** A 64 bit attribute from a non-negative integer. */
export function putUint64(writer: Writer, type: number, value: number | bigint): void {
  const position = putHeader(writer, type, 8);
  writer.buffer.writeBigUInt64BE(BigInt(value), position);
}

/** An 8 bit attribute. */
export function putUint8(writer: Writer, type: number, value: number): void {
  const position = putHeader(writer, type, 1);
  writer.buffer[position] = value;
}

/** A 16 bit attribute. */
export function putUint16(writer: Writer, type: number, value: number): void {
  const position = putHeader(writer, type, 2);
  writer.buffer.writeUInt16BE(value, position);
}

/** A text attribute, UTF-8 with its terminating NUL. */
export function putText(writer: Writer, type: number, text: string): void {
  const bytes = Buffer.byteLength(text);
  const position = putHeader(writer, type, bytes + 1);
  writer.buffer.write(text, position, bytes, 'utf8');
  writer.buffer[position + bytes] = 0;
}

/** An attribute of plain bytes. */
export function putBytes(writer: Writer, type: number, bytes: Bytes): void {
  const position = putHeader(writer, type, bytes.length);
  const { buffer } = writer;
  // Keys are a few bytes long: a loop beats the call into native code that write() and set() make.
  if (typeof bytes === 'string') {
    for (let index = 0; index < bytes.length; index++) buffer[position + index] = bytes.charCodeAt(index);
  } else {
    for (let index = 0; index < bytes.length; index++) buffer[position + index] = bytes[index] as number;
  }
}

/** Writes an attribute's header and padding; returns where its `bytes` of payload go. */
function putHeader(writer: Writer, type: number, bytes: number): number {
  const total = ATTRIBUTE_HEADER_BYTES + bytes;
  if (total > ATTRIBUTE_LIMIT) throw new RangeError(`netlink attribute of ${total} bytes; at most 65535 fit`);
  const padded = (total + 3) & ~3;
  reserve(writer, padded);
  const start = writer.length;
  writeHost16(writer.buffer, total, start);
  writeHost16(writer.buffer, type, start + 2);
  for (let position = start + total; position < start + padded; position++) writer.buffer[position] = 0;
  writer.length = start + padded;
  return start + ATTRIBUTE_HEADER_BYTES;
}

// Headers are in host order. Node runs on little-endian Linux machines in practice, and on s390x.
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function writeHost16(buffer: Buffer, value: number, position: number): void {
  buffer[position + (LITTLE ? 0 : 1)] = value & 0xff;
  buffer[position + (LITTLE ? 1 : 0)] = value >>> 8;
}

function writeHost32(buffer: Buffer, value: number, position: number): void {
  if (LITTLE) buffer.writeUInt32LE(value >>> 0, position);
  else buffer.writeUInt32BE(value >>> 0, position);
}

function readHost16(buffer: Buffer, position: number): number {
  return LITTLE ? buffer.readUInt16LE(position) : buffer.readUInt16BE(position);
}
