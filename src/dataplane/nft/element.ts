/** One element of one set, in the form that compares cheaply: bytes as binary strings. */

import type { SetElement, Verdict } from '../../kernel/native.ts';
import {
  type Address,
  addressBytes,
  FAMILIES,
  type Family,
  familyOf,
  type Prefix,
  splitPrefix,
} from '../../model/address.ts';
import type { Protocol } from '../../model/names.ts';
import type { SetName } from './layout.ts';
import type { TableLayout } from './table-layout.ts';

/** Where a verdict map leads. */
export interface ChainVerdict {
  readonly code: 'goto' | 'jump';
  readonly chain: string;
}

/** A SetElement of nft-js with bytes as binary strings, but for `set` and `behind`. */
export interface Element<Name extends string = SetName> {
  readonly set: Name;
  /** Key, one char code a byte, every field padded to four bytes. */
  readonly key: string;
  /** Last key of a range, in sets of concatenated ranges. */
  readonly keyEnd?: string;
  /** In interval sets: the first key after the range that begins at `key`; empty when the range ends with the last. */
  readonly behind?: string;
  readonly data?: string | ChainVerdict;
  /** Shown by `nft list`, and how a restarted agent finds its service numbers again. */
  readonly comment?: string;
}

/** Tells elements of a set apart; a changed value keeps the identity. */
export function elementIdentity(element: Element<string>): string {
  if (element.keyEnd !== undefined) return element.key + element.keyEnd;
  return element.behind === undefined ? element.key : `${element.key}-${element.behind}`;
}

/** Equal for elements that need no rewriting. */
export function elementValue({ data }: Element<string>): string {
  return typeof data === 'object' ? `${data.code} ${data.chain}` : (data ?? '');
}

/** The bytes of the element's value; empty for verdicts and plain members. */
export function elementBytes({ data }: Element<string>): string {
  return typeof data === 'string' ? data : '';
}

/** The chain that the element's verdict leads to. */
export function elementChain({ data }: Element<string>): string | undefined {
  return typeof data === 'object' ? data.chain : undefined;
}

/** As nftables has it: a range of an interval set is two elements, which must come and go together. */
export function toSetElements({ behind, ...start }: Element<string>): readonly SetElement[] {
  return behind === undefined || behind === '' ? [start] : [start, { key: behind, intervalEnd: true }];
}

/** The set's elements as they were read back; what we never write (a bare verdict, an end without a start) is left out. */
export function fromSetElements<Name extends string>(
  { sets }: TableLayout<Name>,
  set: Name,
  elements: readonly SetElement[],
): readonly Element<Name>[] {
  const spec = sets.get(set);
  if (spec?.interval === true && spec.key.length === 1) return pairRanges(set, elements);
  return elements.flatMap((element) => fromSetElement(set, element) ?? []);
}

function pairRanges<Name extends string>(
  set: Name,
  elements: readonly SetElement[],
): readonly Element<Name>[] {
  const bounds = elements.map((element) => ({
    element,
    key: text(element.key),
    isEnd: element.intervalEnd === true,
  }));
  // Where one range ends and the next begins, the end comes first.
  bounds.sort((a, b) => (a.key === b.key ? Number(b.isEnd) - Number(a.isEnd) : a.key < b.key ? -1 : 1));
  return bounds.flatMap(({ element, isEnd }, index) => {
    const next = bounds[index + 1];
    const start = isEnd ? undefined : fromSetElement(set, element);
    return start === undefined ? [] : [{ ...start, behind: next?.isEnd === true ? next.key : '' }];
  });
}

function fromSetElement<Name extends string>(
  set: Name,
  { key, keyEnd, data, comment }: SetElement,
): Element<Name> | undefined {
  const value = typeof data === 'object' && 'code' in data ? chainVerdict(data) : data && text(data);
  if (data !== undefined && value === undefined) return undefined;
  return {
    set,
    key: text(key),
    ...(keyEnd === undefined ? {} : { keyEnd: text(keyEnd) }),
    ...(value === undefined ? {} : { data: value }),
    ...(comment === undefined ? {} : { comment }),
  };
}

function chainVerdict(verdict: Verdict): ChainVerdict | undefined {
  return verdict.code === 'goto' || verdict.code === 'jump' ? verdict : undefined;
}

function text(bytes: string | Uint8Array): string {
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1');
}

const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const PROTOCOLS = new Map<number, Protocol>([
  [6, 'TCP'],
  [17, 'UDP'],
  [132, 'SCTP'],
]);

export function addressKey(address: Address): string {
  const bytes = addressBytes(address);
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return bytes.length === 4 ? String.fromCharCode(a, b, c, d) : String.fromCharCode(...bytes);
}

export function protocolKey(protocol: Protocol): string {
  return `${String.fromCharCode(PROTOCOL_NUMBER[protocol])}\0\0\0`;
}

/** The protocol as a whole key: only fields of a concatenation are padded. */
export function protocolByte(protocol: Protocol): string {
  return byteKey(PROTOCOL_NUMBER[protocol]);
}

/** A single byte that is the whole key. */
export function byteKey(value: number): string {
  return String.fromCharCode(value);
}

export function protocolFromKey(key: string, offset: number): Protocol | undefined {
  return PROTOCOLS.get(key.charCodeAt(offset));
}

/** A port in network byte order, padded. */
export function portKey(port: number): string {
  return `${String.fromCharCode(port >> 8, port & 0xff)}\0\0`;
}

export function portFromKey(key: string, offset: number): number {
  return key.charCodeAt(offset) * 256 + key.charCodeAt(offset + 1);
}

/** A 32-bit number in host (little-endian) byte order, as nft's `mark` is. */
export function numberKey(value: number): string {
  return String.fromCharCode(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

export function numberFromKey(key: string, offset: number): number {
  const [a, b, c, d] = [0, 1, 2, 3].map((index) => key.charCodeAt(offset + index));
  return (((d ?? 0) << 24) | ((c ?? 0) << 16) | ((b ?? 0) << 8) | (a ?? 0)) >>> 0;
}

/** First and last address of a prefix, as keys. */
export function prefixRange(prefix: Prefix): { readonly first: string; readonly last: string } {
  const { address, length } = splitPrefix(prefix);
  const last = addressBytes(address).map(
    (byte, index) => byte | (0xff >> Math.max(0, Math.min(8, length - index * 8))),
  );
  return { first: addressKey(address), last: String.fromCharCode(...last) };
}

/** The ranges of an interval set that cover these prefixes, touching ones joined. */
export function intervalElements<Name extends string>(
  setFor: (family: Family) => Name,
  prefixes: readonly Prefix[],
): readonly Element<Name>[] {
  return FAMILIES.flatMap((family) => {
    const ranges = prefixes.filter((prefix) => familyOf(prefix) === family).map(prefixRange);
    ranges.sort((a, b) => (a.first < b.first ? -1 : 1));
    return joinRanges(ranges).map(({ first, behind }) => ({ set: setFor(family), key: first, behind }));
  });
}

function joinRanges(ranges: readonly { first: string; last: string }[]): { first: string; behind: string }[] {
  const joined: { first: string; behind: string }[] = [];
  for (const { first, last } of ranges) {
    const previous = joined.at(-1);
    if (previous !== undefined && previous.behind === first) previous.behind = following(last);
    else joined.push({ first, behind: following(last) });
  }
  return joined;
}

/** The key after this one; empty where it is the last. */
export function following(key: string): string {
  const bytes = Array.from(key, (char) => char.charCodeAt(0));
  for (let index = bytes.length - 1; index >= 0; index--) {
    const byte = bytes[index] ?? 0;
    bytes[index] = (byte + 1) & 0xff;
    if (byte !== 0xff) return String.fromCharCode(...bytes);
  }
  return '';
}
