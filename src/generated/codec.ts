/** Made by scripts/generate-abi.ts: what all codecs are made of. Not edited. */

/** How a value stands in the bytes of a map: numbers in the machine's byte order (little-endian), but `network` ones. */
export interface Codec<Value> {
  /** Bytes. */
  readonly size: number;
  write(view: DataView, at: number, value: Value): void;
  /** Throws a RangeError for bytes that no value has. */
  read(view: DataView, at: number): Value;
}

export function bytesAt(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size);
}

export function wordOf<Word>(words: readonly Word[], number: number, what: string): Word {
  const word = words[number];
  if (word === undefined) throw new RangeError(`${number} is no ${what}`);
  return word;
}

export const u32: Codec<number> = {
  size: 4,
  write: (view, at, value) => view.setUint32(at, value, true),
  read: (view, at) => view.getUint32(at, true),
};
