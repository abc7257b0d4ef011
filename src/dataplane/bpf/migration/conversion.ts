/** Keys and values of one layout as those of another: field by field, by name. */
import { isDeepStrictEqual } from 'node:util';
import type { ValueField, ValueLayout } from '../../../kernel/map-layout.ts';

/** Fills the zeroed bytes at `to` from those at `from`. Returns false where something can't be said in the new layout. */
export type Conversion = (source: DataView, from: number, target: DataView, to: number) => boolean;

/**
 * Fields that both have are converted: a number to a wider one, or a narrower one that it fits; a word of an enum to the
 * same word; an array as far as both go. What only the new layout has becomes 0, what only the old one has is left out.
 */
export function conversionBetween(old: ValueLayout, wanted: ValueLayout): Conversion {
  if (isDeepStrictEqual(old, wanted)) return copyOf(old.size);
  if (old.kind === 'struct' && wanted.kind === 'struct') return structConversion(old.fields, wanted.fields);
  if (old.kind === 'enum' && wanted.kind === 'enum') return enumConversion(old, wanted);
  if (old.kind === 'number' && wanted.kind === 'number' && !old.network && !wanted.network)
    return numberConversion(old.size, wanted.size);
  return () => false;
}

function copyOf(size: number): Conversion {
  return (source, from, target, to) => {
    bytesOf(target, to, size).set(bytesOf(source, from, size));
    return true;
  };
}

function structConversion(old: readonly ValueField[], wanted: readonly ValueField[]): Conversion {
  const parts = wanted.flatMap((field) => {
    // Padding says nothing, wherever it is.
    const before = field.name.startsWith('padding') ? undefined : old.find(({ name }) => name === field.name);
    return before === undefined ? [] : elementConversions(before, field);
  });
  return (source, from, target, to) =>
    parts.map((part) => part(source, from, target, to)).every((carried) => carried);
}

function elementConversions(old: ValueField, wanted: ValueField): readonly Conversion[] {
  const convert = conversionBetween(old.of, wanted.of);
  return Array.from({ length: Math.min(old.count, wanted.count) }, (_, index): Conversion => {
    const [before, after] = [old.offset + index * old.of.size, wanted.offset + index * wanted.of.size];
    return (source, from, target, to) => convert(source, from + before, target, to + after);
  });
}

function enumConversion(
  old: Extract<ValueLayout, { kind: 'enum' }>,
  wanted: Extract<ValueLayout, { kind: 'enum' }>,
): Conversion {
  const numbers = new Map(Object.entries(old.values).map(([word, number]) => [number, wanted.values[word]]));
  return (source, from, target, to) => {
    const number = numbers.get(Number(readNumber(source, from, old.size)));
    if (number === undefined) return false;
    writeNumber(target, to, wanted.size, BigInt(number));
    return true;
  };
}

function numberConversion(old: number, wanted: number): Conversion {
  return (source, from, target, to) => {
    const number = readNumber(source, from, old);
    if (BigInt.asUintN(wanted * 8, number) !== number) return false;
    writeNumber(target, to, wanted, number);
    return true;
  };
}

/** A number of `size` bytes in the machine's order (little-endian). */
export function readNumber(view: DataView, at: number, size: number): bigint {
  if (size === 8) return view.getBigUint64(at, true);
  if (size === 4) return BigInt(view.getUint32(at, true));
  return BigInt(size === 2 ? view.getUint16(at, true) : view.getUint8(at));
}

function writeNumber(view: DataView, at: number, size: number, value: bigint): void {
  if (size === 8) view.setBigUint64(at, value, true);
  else if (size === 4) view.setUint32(at, Number(value), true);
  else if (size === 2) view.setUint16(at, Number(value), true);
  else view.setUint8(at, Number(value));
}

function bytesOf(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size);
}
