/** What another policy class means for a pod: ports of peers for which the verdict is another one. */
import { PROTOCOLS, type Protocol } from '../model/names.ts';
import {
  DIRECTIONS,
  type Direction,
  type PeerClassName,
  type PolicyClassRows,
  type RuleName,
  type RuleRow,
  type VerdictRow,
} from '../model/policy-rows.ts';
import { type DecidedBy, decidedBy, deniersOf } from '../model/rule-place.ts';
import { lookUpVerdict, type VerdictTable, verdictTable } from '../model/verdict-table.ts';
import type { PeerGroup } from './peer-groups.ts';

/** What the rows say, and why. */
export interface Outcome extends DecidedBy {
  readonly verdict: 'allowed' | 'denied';
  /** What would deny if audited policies were enforced; empty where nothing would. */
  readonly auditDeniedBy: readonly string[];
}

/** Ports from `first` to `last`; `protocol` null: all protocols whose ports no rule can name. */
export interface PortSpan {
  readonly protocol: Protocol | null;
  readonly first: number;
  readonly last: number;
}

export interface VerdictChange {
  readonly direction: Direction;
  readonly ports: readonly PortSpan[];
  readonly before: Outcome;
  readonly after: Outcome;
  /** Equal for changes that differ in their peers only. */
  readonly key: string;
}

/** How one class judges; null: no policy selects the pod. */
export interface Judging {
  readonly table: VerdictTable;
  /** By direction and class of the peer. */
  readonly rows: ReadonlyMap<string, readonly VerdictRow[]>;
  readonly rules: ReadonlyMap<RuleName, RuleRow>;
}

export const LAST_PORT = 65_535;
const OPEN: Outcome = { verdict: 'allowed', rule: null, isolatedBy: [], auditDeniedBy: [] };
const MAKES_NO_DIFFERENCE = '';

export function judging({ verdicts }: PolicyClassRows, rules: ReadonlyMap<RuleName, RuleRow>): Judging {
  const rows = Map.groupBy(verdicts, ({ direction, peerClass }) => rowsKey(direction, peerClass));
  return { table: verdictTable(verdicts), rows, rules };
}

/** Whether the class has rows for the peer's class; else it is judged like anybody. */
export function tellsApart({ rows }: Judging, peerClass: PeerClassName | null): boolean {
  return peerClass !== null && DIRECTIONS.some((direction) => rows.has(rowsKey(direction, peerClass)));
}

/** What changes for peers that are of these classes. */
export function verdictChanges(
  before: Judging | null,
  after: Judging | null,
  peers: Pick<PeerGroup, 'before' | 'after'>,
): readonly VerdictChange[] {
  return DIRECTIONS.flatMap((direction) => {
    const ends = [
      { judge: before, peerClass: peers.before },
      { judge: after, peerClass: peers.after },
    ] as const;
    const spans = [...PROTOCOLS, null].flatMap((protocol) => spansOf(direction, protocol, ends));
    const changed = Map.groupBy(spans, ({ key }) => key);
    changed.delete(MAKES_NO_DIFFERENCE);
    return [...changed.values()].flatMap((same): VerdictChange[] => {
      const [first] = same;
      if (first === undefined) return [];
      const ports = same.map(({ span }) => span);
      const key = JSON.stringify([direction, first.key, ports]);
      return [{ direction, ports, before: first.outcomes[0], after: first.outcomes[1], key }];
    });
  });
}

interface End {
  readonly judge: Judging | null;
  readonly peerClass: PeerClassName | null;
}

interface JudgedSpan {
  readonly span: PortSpan;
  readonly key: string;
  readonly outcomes: readonly [Outcome, Outcome];
}

/** All ports of a protocol, cut where either side's rows begin or end, and joined where nothing differs. */
function spansOf(
  direction: Direction,
  protocol: Protocol | null,
  ends: readonly [End, End],
): readonly JudgedSpan[] {
  const starts = [...new Set([0, ...ends.flatMap((end) => boundaries(end, direction, protocol))])]
    .filter((port) => port <= LAST_PORT)
    .sort((a, b) => a - b);
  const spans: JudgedSpan[] = [];
  for (const [index, first] of starts.entries()) {
    const last = (starts[index + 1] ?? LAST_PORT + 1) - 1;
    const outcomes = [
      outcomeAt(ends[0], { direction, protocol, port: first }),
      outcomeAt(ends[1], { direction, protocol, port: first }),
    ] as const;
    const key = differenceKey(...outcomes);
    const previous = spans.at(-1);
    if (previous?.key === key) spans[spans.length - 1] = { ...previous, span: { ...previous.span, last } };
    else spans.push({ span: { protocol, first, last }, key, outcomes });
  }
  return spans;
}

function boundaries(
  { judge, peerClass }: End,
  direction: Direction,
  protocol: Protocol | null,
): readonly number[] {
  if (judge === null || protocol === null) return [];
  const rows = [
    ...(judge.rows.get(rowsKey(direction, null)) ?? []),
    ...(peerClass === null ? [] : (judge.rows.get(rowsKey(direction, peerClass)) ?? [])),
  ];
  return rows
    .filter((row) => row.protocol === protocol)
    .flatMap(({ port, bits }) => [port, port + 2 ** (16 - bits)]);
}

function outcomeAt(
  { judge, peerClass }: End,
  where: { readonly direction: Direction; readonly protocol: Protocol | null; readonly port: number },
): Outcome {
  const row = judge === null ? undefined : lookUpVerdict(judge.table, { ...where, peerClass });
  if (row === undefined) return OPEN;
  const audit = row.auditRule === null ? undefined : judge?.rules.get(row.auditRule);
  return {
    verdict: row.verdict === 'allow' ? 'allowed' : 'denied',
    ...decidedBy(judge?.rules.get(row.rule)),
    auditDeniedBy: audit === undefined ? [] : deniersOf(audit),
  };
}

function differenceKey(before: Outcome, after: Outcome): string {
  const isSame =
    before.verdict === after.verdict && before.auditDeniedBy.length > 0 === after.auditDeniedBy.length > 0;
  return isSame ? MAKES_NO_DIFFERENCE : JSON.stringify([before, after]);
}

function rowsKey(direction: Direction, peerClass: PeerClassName | null): string {
  return `${direction} ${peerClass ?? '*'}`;
}
