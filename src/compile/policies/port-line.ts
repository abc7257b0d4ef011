/**
 * All that a rule can say about protocol and port, as one line of numbers: the ports of TCP, then UDP, then SCTP, then
 * one point for every protocol that has no ports here (ICMP, GRE …). A rule covers spans of it.
 */
import { PROTOCOLS, type Protocol } from '../../model/names.ts';

/** Both ends included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

const PORTS = 65536;
/** The point of protocols without ports. */
export const PORTLESS = PROTOCOLS.length * PORTS;
export const WHOLE_LINE: Span = { first: 0, last: PORTLESS };

export function spanOf(protocol: Protocol, first: number, last: number): Span {
  const start = PROTOCOLS.indexOf(protocol) * PORTS;
  return { first: start + first, last: start + last };
}

/** What of `open` lies in the span, and what does not. */
export function cut(
  open: readonly Span[],
  span: Span,
): { readonly inside: Span[]; readonly outside: Span[] } {
  const [inside, outside]: [Span[], Span[]] = [[], []];
  for (const part of open) {
    const first = Math.max(part.first, span.first);
    const last = Math.min(part.last, span.last);
    if (first > last) {
      outside.push(part);
      continue;
    }
    inside.push({ first, last });
    if (part.first < first) outside.push({ first: part.first, last: first - 1 });
    if (part.last > last) outside.push({ first: last + 1, last: part.last });
  }
  return { inside, outside };
}

/** Tells the parts that two lists of spans have in common; each list is in order and without overlaps of its own. */
export function forEachOverlap<One extends Span, Other extends Span>(
  ones: readonly One[],
  others: readonly Other[],
  tell: (one: One, other: Other, overlap: Span) => void,
): void {
  let at = 0;
  for (const one of ones) {
    for (let other = others[at]; other !== undefined && other.first <= one.last; other = others[at]) {
      const [first, last] = [Math.max(one.first, other.first), Math.min(one.last, other.last)];
      if (first <= last) tell(one, other, { first, last });
      if (other.last > one.last) break;
      at += 1;
    }
  }
}

/** The first `bits` of a port; the others are 0 here. */
export interface PortPrefix {
  readonly protocol: Protocol;
  readonly port: number;
  readonly bits: number;
}

/** The fewest prefixes that cover ports `first` to `last` of the protocol: at most 30. */
export function portPrefixes(protocol: Protocol, first: number, last: number): readonly PortPrefix[] {
  const prefixes: PortPrefix[] = [];
  for (let port = first; port <= last; ) {
    let size = port === 0 ? PORTS : port & -port;
    while (port + size - 1 > last) size /= 2;
    prefixes.push({ protocol, port, bits: Math.clz32(size) - 15 });
    port += size;
  }
  return prefixes;
}
