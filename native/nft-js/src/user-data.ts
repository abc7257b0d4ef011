/** nft's records inside user data, which the kernel keeps without looking: type, length, value. */
import { type Attributes, binaryOf } from './netlink-reader.ts';
import { putBytes, type Writer } from './netlink-writer.ts';

/** nft refuses longer comments. */
const COMMENT_LIMIT = 128;

/** Records of user data by type, as binary strings. */
export type Records = ReadonlyMap<number, string>;

/** A comment's record. Throws RangeError for a comment of more than 128 bytes. */
export function commentRecord(type: number, comment: string): string {
  const text = Buffer.from(comment).toString('latin1');
  if (text.length > COMMENT_LIMIT)
    throw new RangeError(`comment of ${text.length} bytes; at most ${COMMENT_LIMIT} fit`);
  return `${String.fromCharCode(type, text.length + 1)}${text}\0`;
}

/** The record of a 32 bit number in this machine's order. */
export function numberRecord(type: number, value: number): string {
  const bytes = Buffer.from(Uint32Array.of(value).buffer);
  return `${String.fromCharCode(type, bytes.length)}${bytes.toString('latin1')}`;
}

/** Writes a comment as the only record of user data, if there is one. */
export function putComment(
  writer: Writer,
  attribute: number,
  record: number,
  comment: string | undefined,
): void {
  if (comment !== undefined) putBytes(writer, attribute, commentRecord(record, comment));
}

/** The records in user data; what is cut off or of another form is left out. */
export function readRecords(userData: string): Records {
  const records = new Map<number, string>();
  for (let position = 0; position + 2 <= userData.length; ) {
    const length = userData.charCodeAt(position + 1);
    if (position + 2 + length > userData.length) break;
    records.set(userData.charCodeAt(position), userData.slice(position + 2, position + 2 + length));
    position += 2 + length;
  }
  return records;
}

/** The comment in a user data attribute, in the shape of a field to spread. */
export function commentOf(
  attributes: Attributes,
  attribute: number,
  record: number,
): { readonly comment?: string } {
  const userData = binaryOf(attributes, attribute);
  return userData === undefined ? {} : commentIn(userData, record);
}

/** The comment in user data, in the shape of a field to spread. */
export function commentIn(userData: string, record: number): { readonly comment?: string } {
  const text = readRecords(userData).get(record);
  if (text === undefined || !text.endsWith('\0')) return {};
  return { comment: Buffer.from(text.slice(0, -1), 'latin1').toString() };
}
