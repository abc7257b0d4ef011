/** The verdicts of one policy class, looked up as the kernel does: the peer's class first, then any peer. */
import type { Protocol } from './names.ts';
import type { Direction, PeerClassName, VerdictRow } from './policy-rows.ts';

/** Made by `verdictTable`. */
export type VerdictTable = ReadonlyMap<string, VerdictRow>;

export interface VerdictQuestion {
  readonly direction: Direction;
  /** null: of no class. */
  readonly peerClass: PeerClassName | null;
  /** null: a protocol that has no ports here. */
  readonly protocol: Protocol | null;
  /** Destination port; any number where there is none. */
  readonly port: number;
}

export function verdictTable(rows: readonly VerdictRow[]): VerdictTable {
  return new Map(
    rows.map((row) => [keyOf(row.direction, row.peerClass, row.protocol, row.port, row.bits), row]),
  );
}

/** The row that decides; undefined only where the rows have none for any peer. */
export function lookUpVerdict(table: VerdictTable, question: VerdictQuestion): VerdictRow | undefined {
  const { peerClass } = question;
  const own = peerClass === null ? undefined : longestMatch(table, peerClass, question);
  return own ?? longestMatch(table, null, question);
}

function longestMatch(
  table: VerdictTable,
  peerClass: PeerClassName | null,
  { direction, protocol, port }: VerdictQuestion,
): VerdictRow | undefined {
  for (let bits = 16; protocol !== null && bits >= 0; bits -= 1) {
    const first = bits === 0 ? 0 : port & (0xffff << (16 - bits));
    const row = table.get(keyOf(direction, peerClass, protocol, first & 0xffff, bits));
    if (row !== undefined) return row;
  }
  return table.get(keyOf(direction, peerClass, null, 0, 0));
}

function keyOf(
  direction: Direction,
  peerClass: PeerClassName | null,
  protocol: Protocol | null,
  port: number,
  bits: number,
): string {
  return `${direction} ${peerClass ?? '*'} ${protocol ?? '*'} ${port}/${bits}`;
}
