/** Bytes of keys and data in two shapes: Uint8Array, or "binary strings" which compare, hash and print cheaply. */

/** Uint8Array, or a binary string: one char code 0–255 per byte (latin1). */
export type Bytes = Uint8Array | string;

/** The bytes as a binary string. */
export function toBinary(bytes: Bytes): string {
  if (typeof bytes === 'string') return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The bytes as a Uint8Array; char codes above 255 lose their high bits. */
export function toUint8Array(bytes: Bytes): Uint8Array {
  if (typeof bytes !== 'string') return bytes;
  const copy = new Uint8Array(bytes.length);
  for (let index = 0; index < bytes.length; index++) copy[index] = bytes.charCodeAt(index);
  return copy;
}

/** Lower-case hexadecimal with a leading `0x`. */
export function toHex(bytes: Bytes): string {
  return `0x${Buffer.from(toUint8Array(bytes)).toString('hex')}`;
}
