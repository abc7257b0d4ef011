/** Set elements to netlink attributes and back; written for sets of a hundred thousand elements. */
import type { Bytes } from './bytes.ts';
import type { SetElement, Verdict } from './commands.ts';
import {
  ATTRIBUTE_HEADER_BYTES,
  COMMENT_RECORD,
  DATA,
  ELEMENT,
  ELEMENT_FLAG,
  ELEMENT_LIST,
  LIST_ITEM,
} from './netlink-constants.ts';
import {
  type Attributes,
  attributeEnd,
  attributeType,
  MalformedMessageError,
  readAttributes,
} from './netlink-reader.ts';
import { endNest, putUint32, putUint64, startNest, type Writer } from './netlink-writer.ts';
import { putValue, putVerdict, verdictOf } from './registers.ts';
import { commentIn, putComment } from './user-data.ts';

/** The shape keys and data are read in: Uint8Array, or binary strings. */
export type BytesEncoding = 'bytes' | 'binary';

/** Whether an element's data is a verdict. */
export function isVerdict(data: Bytes | Verdict): data is Verdict {
  return typeof data === 'object' && 'code' in data;
}

/** Writes one element; for a deletion only what names it. Throws RangeError for oversized parts. */
export function putElement(writer: Writer, element: SetElement, deletion: boolean): void {
  const item = startNest(writer, LIST_ITEM);
  const flags =
    (element.intervalEnd === true ? ELEMENT_FLAG.intervalEnd : 0) |
    (element.catchAll === true ? ELEMENT_FLAG.catchAll : 0);
  if (flags !== 0) putUint32(writer, ELEMENT.flags, flags);
  if (element.catchAll !== true) putValue(writer, ELEMENT.key, element.key);
  if (element.keyEnd !== undefined) putValue(writer, ELEMENT.keyEnd, element.keyEnd);
  if (!deletion) putElementContent(writer, element);
  endNest(writer, item);
}

function putElementContent(writer: Writer, element: SetElement): void {
  const { data } = element;
  if (data !== undefined) {
    if (isVerdict(data)) putVerdict(writer, ELEMENT.data, data);
    else putValue(writer, ELEMENT.data, data);
  }
  if (element.timeoutMs !== undefined) putUint64(writer, ELEMENT.timeout, element.timeoutMs);
  putComment(writer, ELEMENT.userData, COMMENT_RECORD.element, element.comment);
}

/** Appends the elements of one element message to `elements`. Throws MalformedMessageError. */
export function readElements(message: Attributes, encoding: BytesEncoding, elements: SetElement[]): void {
  const list = message.spans.get(ELEMENT_LIST.elements);
  if (list === undefined) return;
  const { bytes } = message;
  for (let position = list.start; position < list.end; ) {
    const end = attributeEnd(bytes, position, list.end);
    if (attributeType(bytes, position) === LIST_ITEM) {
      elements.push(readElement(bytes, position + ATTRIBUTE_HEADER_BYTES, end, encoding));
    }
    position = (end + 3) & ~3;
  }
}

/** The number of elements in one element message. Throws MalformedMessageError. */
export function countElements(message: Attributes): number {
  const list = message.spans.get(ELEMENT_LIST.elements);
  let count = 0;
  for (let position = list?.start ?? 0; list !== undefined && position < list.end; count++) {
    position = (attributeEnd(message.bytes, position, list.end) + 3) & ~3;
  }
  return count;
}

type Mutable<Shape> = { -readonly [Name in keyof Shape]: Shape[Name] };

function readElement(bytes: Buffer, start: number, end: number, encoding: BytesEncoding): SetElement {
  const element: Mutable<SetElement> = { key: '' };
  let found = false;
  for (let position = start; position < end; ) {
    const stop = attributeEnd(bytes, position, end);
    const payload = position + ATTRIBUTE_HEADER_BYTES;
    switch (attributeType(bytes, position)) {
      case ELEMENT.key:
        element.key = readValue(bytes, payload, stop, encoding);
        found = true;
        break;
      case ELEMENT.data:
        element.data = readData(bytes, position, stop, encoding);
        break;
      default:
        readRest(element, bytes, position, stop, encoding);
    }
    position = (stop + 3) & ~3;
  }
  if (!found && element.catchAll !== true) throw new MalformedMessageError('set element without a key');
  return element;
}

/** The attributes that most elements do not have. */
function readRest(
  element: Mutable<SetElement>,
  bytes: Buffer,
  position: number,
  stop: number,
  encoding: BytesEncoding,
): void {
  const payload = position + ATTRIBUTE_HEADER_BYTES;
  switch (attributeType(bytes, position)) {
    case ELEMENT.keyEnd:
      element.keyEnd = readValue(bytes, payload, stop, encoding);
      break;
    case ELEMENT.flags: {
      const flags = readNumber(bytes, payload, stop, 4);
      if ((flags & ELEMENT_FLAG.intervalEnd) !== 0) element.intervalEnd = true;
      if ((flags & ELEMENT_FLAG.catchAll) !== 0) element.catchAll = true;
      break;
    }
    case ELEMENT.timeout:
      element.timeoutMs = readNumber(bytes, payload, stop, 8);
      break;
    case ELEMENT.expiration:
      element.expiresMs = readNumber(bytes, payload, stop, 8);
      break;
    case ELEMENT.userData:
      Object.assign(element, commentIn(bytes.toString('latin1', payload, stop), COMMENT_RECORD.element));
      break;
    default:
  }
}

function readNumber(bytes: Buffer, start: number, end: number, length: 4 | 8): number {
  if (end - start !== length)
    throw new MalformedMessageError(`number of ${end - start} bytes in a set element`);
  const high = bytes.readUInt32BE(start);
  return length === 4 ? high : high * 2 ** 32 + bytes.readUInt32BE(start + 4);
}

function readValue(bytes: Buffer, start: number, end: number, encoding: BytesEncoding): Bytes {
  for (let position = start; position < end; ) {
    const stop = attributeEnd(bytes, position, end);
    if (attributeType(bytes, position) === DATA.value) {
      const from = position + ATTRIBUTE_HEADER_BYTES;
      if (encoding === 'binary') return bytes.toString('latin1', from, stop);
      return new Uint8Array(bytes.buffer, bytes.byteOffset + from, stop - from);
    }
    position = (stop + 3) & ~3;
  }
  throw new MalformedMessageError('set element without a value');
}

function readData(bytes: Buffer, position: number, stop: number, encoding: BytesEncoding): Bytes | Verdict {
  const payload = position + ATTRIBUTE_HEADER_BYTES;
  if (
    payload < stop &&
    stop - payload >= ATTRIBUTE_HEADER_BYTES &&
    attributeType(bytes, payload) === DATA.value
  ) {
    return readValue(bytes, payload, stop, encoding);
  }
  const verdict = verdictOf(readAttributes(bytes, position, stop), ELEMENT.data);
  if (verdict === undefined) throw new MalformedMessageError('set element with unreadable data');
  return verdict;
}
