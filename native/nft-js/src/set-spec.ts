/** Declarations of sets and maps to netlink attributes and back. */
import type { SetSpec } from './commands.ts';
import {
  byteOrderNumber,
  concatenationBytes,
  type DataType,
  dataTypeBytes,
  typeNumber,
  typesFromNumber,
} from './data-types.ts';
import {
  COMMENT_RECORD,
  LIST_ITEM,
  SET,
  SET_DESCRIPTION,
  SET_FIELD_LENGTH,
  SET_FLAG,
  SET_RECORD,
  VERDICT_DATA_TYPE,
} from './netlink-constants.ts';
import { type Attributes, longOf, nestedOf, numberOf } from './netlink-reader.ts';
import { endNest, putBytes, putUint32, putUint64, startNest, type Writer } from './netlink-writer.ts';
import { commentOf, commentRecord, numberRecord } from './user-data.ts';

/** Writes a set's declaration. Throws RangeError for unknown types and oversized comments. */
export function putSetSpec(writer: Writer, spec: SetSpec): void {
  putUint32(writer, SET.flags, setFlags(spec));
  putUint32(writer, SET.keyType, typeNumber(spec.key));
  putUint32(writer, SET.keyLength, concatenationBytes(spec.key));
  if (spec.data === 'verdict') {
    putUint32(writer, SET.dataType, VERDICT_DATA_TYPE);
    putUint32(writer, SET.dataLength, 0);
  } else if (spec.data !== undefined) {
    putUint32(writer, SET.dataType, typeNumber(spec.data));
    putUint32(writer, SET.dataLength, concatenationBytes(spec.data));
  }
  putDescription(writer, spec);
  if (spec.defaultTimeoutMs !== undefined) putUint64(writer, SET.timeout, spec.defaultTimeoutMs);
  putBytes(writer, SET.userData, setRecords(spec));
}

function setFlags(spec: SetSpec): number {
  return (
    (spec.data !== undefined ? SET_FLAG.map : 0) |
    (spec.interval === true ? SET_FLAG.interval : 0) |
    (hasConcatenatedRanges(spec) ? SET_FLAG.concatenation : 0) |
    (spec.dynamic === true ? SET_FLAG.dynamic : 0) |
    (spec.timeout === true || spec.defaultTimeoutMs !== undefined ? SET_FLAG.timeout : 0)
  );
}

function hasConcatenatedRanges(spec: SetSpec): boolean {
  return spec.interval === true && spec.key.length > 1;
}

function putDescription(writer: Writer, spec: SetSpec): void {
  if (spec.size === undefined && !hasConcatenatedRanges(spec)) return;
  const description = startNest(writer, SET.description);
  if (spec.size !== undefined) putUint32(writer, SET_DESCRIPTION.size, spec.size);
  if (hasConcatenatedRanges(spec)) putFieldLengths(writer, spec.key);
  endNest(writer, description);
}

function putFieldLengths(writer: Writer, key: readonly DataType[]): void {
  const fields = startNest(writer, SET_DESCRIPTION.concatenation);
  for (const type of key) {
    const field = startNest(writer, LIST_ITEM);
    putUint32(writer, SET_FIELD_LENGTH, dataTypeBytes(type));
    endNest(writer, field);
  }
  endNest(writer, fields);
}

// nft prints the elements by these byte orders, whoever made the set.
function setRecords(spec: SetSpec): string {
  const records = [numberRecord(SET_RECORD.keyByteOrder, byteOrderNumber(spec.key))];
  if (spec.data !== undefined && spec.data !== 'verdict') {
    records.push(numberRecord(SET_RECORD.dataByteOrder, byteOrderNumber(spec.data)));
  }
  if (spec.comment !== undefined) records.push(commentRecord(COMMENT_RECORD.set, spec.comment));
  return records.join('');
}

/** A set's declaration as the kernel reports it. Throws MalformedMessageError. */
export function setSpecOf(attributes: Attributes): SetSpec {
  const flags = numberOf(attributes, SET.flags) ?? 0;
  const keyLength = numberOf(attributes, SET.keyLength) ?? 0;
  const defaultTimeoutMs = longOf(attributes, SET.timeout);
  const description = nestedOf(attributes, SET.description);
  const size = description && numberOf(description, SET_DESCRIPTION.size);
  return {
    key: typesFromNumber(numberOf(attributes, SET.keyType) ?? 0, keyLength),
    ...((flags & SET_FLAG.map) !== 0 && { data: dataTypesOf(attributes) }),
    ...((flags & SET_FLAG.interval) !== 0 && { interval: true }),
    ...((flags & SET_FLAG.dynamic) !== 0 && { dynamic: true }),
    ...((flags & SET_FLAG.timeout) !== 0 && { timeout: true }),
    ...(defaultTimeoutMs !== undefined && { defaultTimeoutMs }),
    ...(size !== undefined && { size }),
    ...commentOf(attributes, SET.userData, COMMENT_RECORD.set),
  };
}

function dataTypesOf(attributes: Attributes): readonly DataType[] | 'verdict' {
  const number = numberOf(attributes, SET.dataType) ?? 0;
  if (number === VERDICT_DATA_TYPE) return 'verdict';
  return typesFromNumber(number, numberOf(attributes, SET.dataLength) ?? 0);
}
