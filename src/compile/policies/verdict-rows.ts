/** Pieces of the port line as rows of a longest-prefix look-up. */
import { PROTOCOLS, type Protocol } from '../../model/names.ts';
import type { Direction, VerdictRow } from '../../model/policy-rows.ts';
import type { PeerClass } from './peer-class-table.ts';
import { forEachOverlap, PORTLESS, portPrefixes, spanOf, WHOLE_LINE } from './port-line.ts';
import { type Piece, sameVerdict } from './verdict-plan.ts';

/** The rows for any peer: one for everything, and those that differ from it. */
export function rowsForAny(direction: Direction, pieces: readonly Piece[]): readonly VerdictRow[] {
  const portless = pieceAt(pieces, PORTLESS);
  const base = row(direction, null, null, portless);
  return [base, ...differences(direction, null, pieces, [{ ...portless, ...WHOLE_LINE }])];
}

/** The rows for one class: only where they differ from those for any peer, which are looked up second. */
export function rowsForClass(
  direction: Direction,
  peer: PeerClass,
  pieces: readonly Piece[],
  forAny: readonly Piece[],
): readonly VerdictRow[] {
  const portless = pieceAt(pieces, PORTLESS);
  if (sameVerdict(portless, pieceAt(forAny, PORTLESS))) return differences(direction, peer, pieces, forAny);
  // This row hides those for any peer, so the ports are compared with it.
  const base = row(direction, peer, null, portless);
  return [base, ...differences(direction, peer, pieces, [{ ...portless, ...WHOLE_LINE }])];
}

function differences(
  direction: Direction,
  peer: PeerClass | null,
  pieces: readonly Piece[],
  base: readonly Piece[],
): readonly VerdictRow[] {
  const unlike = piecesUnlike(pieces, base);
  if (unlike.length === 0) return [];
  return PROTOCOLS.flatMap((protocol) => {
    const direct = prefixRows(direction, peer, protocol, within(unlike, protocol));
    if (direct.length < 3) return direct;
    // Many ports differ: perhaps a row for the whole protocol with exceptions takes fewer.
    const ofProtocol = within(pieces, protocol);
    const whole = longest(ofProtocol);
    const all = row(direction, peer, { protocol, port: 0, bits: 0 }, whole);
    const exceptions = ofProtocol.filter((piece) => !sameVerdict(piece, whole));
    const nested = [all, ...prefixRows(direction, peer, protocol, exceptions)];
    return nested.length < direct.length ? nested : direct;
  });
}

/** Parts of `pieces` whose verdict is not that of `base`. Both cover the whole line, in order. */
function piecesUnlike(pieces: readonly Piece[], base: readonly Piece[]): readonly Piece[] {
  const unlike: Piece[] = [];
  forEachOverlap(pieces, base, (piece, other, span) => {
    if (!sameVerdict(piece, other)) unlike.push({ ...piece, ...span });
  });
  return unlike;
}

function prefixRows(
  direction: Direction,
  peer: PeerClass | null,
  protocol: Protocol,
  pieces: readonly Piece[],
): readonly VerdictRow[] {
  const start = spanOf(protocol, 0, 0).first;
  return pieces.flatMap((piece) =>
    portPrefixes(protocol, piece.first - start, piece.last - start).map((prefix) =>
      row(direction, peer, prefix, piece),
    ),
  );
}

function within(pieces: readonly Piece[], protocol: Protocol): readonly Piece[] {
  const span = spanOf(protocol, 0, 65535);
  const found: Piece[] = [];
  for (const piece of pieces) {
    if (piece.first > span.last || piece.last < span.first) continue;
    const [first, last] = [Math.max(piece.first, span.first), Math.min(piece.last, span.last)];
    found.push({ ...piece, first, last });
  }
  return found;
}

function longest(pieces: readonly Piece[]): Piece {
  return pieces.reduce((best, piece) => (piece.last - piece.first > best.last - best.first ? piece : best));
}

function pieceAt(pieces: readonly Piece[], point: number): Piece {
  return pieces.find(({ first, last }) => first <= point && point <= last) as Piece;
}

function row(
  direction: Direction,
  peer: PeerClass | null,
  prefix: Pick<VerdictRow, 'protocol' | 'port' | 'bits'> | null,
  { verdict, rule, auditRule }: Piece,
): VerdictRow {
  const { protocol, port, bits } = prefix ?? { protocol: null, port: 0, bits: 0 };
  const peerClass = peer?.name ?? null;
  const [ruleName, auditName] = [rule.name, auditRule?.name ?? null];
  return { direction, peerClass, protocol, port, bits, verdict, rule: ruleName, auditRule: auditName };
}
