/** The verdicts of one policy class: for any peer, and for each peer class that its policies tell from the others. */
import { compareText } from '../../model/names.ts';
import {
  DIRECTIONS,
  type Direction,
  type PolicyClassName,
  type PolicyClassRows,
  type RuleRow,
  type VerdictRow,
} from '../../model/policy-rows.ts';
import type { PeerClass } from './peer-class-table.ts';
import type { Term } from './terms.ts';
import {
  type CompiledPolicy,
  createVerdictPlan,
  type Piece,
  type ResolvedPort,
  type VerdictPlan,
} from './verdict-plan.ts';
import { rowsForAny, rowsForClass } from './verdict-rows.ts';

/** A class's rows, with the rules that they name. */
export interface ClassVerdicts {
  readonly rows: PolicyClassRows;
  readonly rules: readonly RuleRow[];
}

export interface VerdictMaker {
  /** What it tells peers apart by. */
  readonly terms: ReadonlySet<Term>;
  readonly portNames: ReadonlySet<string>;
  /** Enters a peer class that has one of the terms, or a port of one of the names. */
  judge(peer: PeerClass): void;
  /** Drops what it has about a peer class; true if it had anything. */
  forget(peer: PeerClass): boolean;
  verdicts(): ClassVerdicts;
}

/** Rows about one peer class (or any peer), with the rules that they name. */
interface Cell {
  readonly rows: readonly VerdictRow[];
  readonly rules: readonly RuleRow[];
}

interface Half {
  readonly direction: Direction;
  readonly plan: VerdictPlan;
  readonly forAny: readonly Piece[];
  readonly any: Cell;
  readonly cells: Map<PeerClass, Cell>;
}

export function createClassVerdicts(
  name: PolicyClassName,
  policies: readonly CompiledPolicy[],
  ports: readonly ResolvedPort[],
): VerdictMaker {
  const halves = DIRECTIONS.map((direction) =>
    halfOf(direction, createVerdictPlan(policies, direction, ports)),
  );
  return {
    terms: new Set(halves.flatMap(({ plan }) => plan.terms)),
    portNames: new Set(halves.flatMap(({ plan }) => [...plan.portNames])),
    judge(peer) {
      for (const half of halves) judge(half, peer);
    },
    forget: (peer) => halves.map(({ cells }) => cells.delete(peer)).includes(true),
    verdicts: () => verdictsOf(name, halves),
  };
}

function halfOf(direction: Direction, plan: VerdictPlan): Half {
  const forAny = plan.judge(null);
  const any = cellOf(rowsForAny(direction, forAny), forAny);
  return { direction, plan, forAny, any, cells: new Map() };
}

/** Only what differs from the verdicts for any peer is kept. */
function judge({ direction, plan, forAny, cells }: Half, peer: PeerClass): void {
  const pieces = plan.judge(peer);
  // As many halves know nothing of the peer as know something.
  if (pieces === forAny) return;
  const rows = rowsForClass(direction, peer, pieces, forAny);
  if (rows.length > 0) cells.set(peer, cellOf(rows, pieces));
}

function cellOf(rows: readonly VerdictRow[], pieces: readonly Piece[]): Cell {
  const named = new Set<string | null>();
  for (const { rule, auditRule } of rows) named.add(rule).add(auditRule);
  const rules = new Set<RuleRow>();
  for (const { rule, auditRule } of pieces) {
    if (named.has(rule.name)) rules.add(rule);
    if (auditRule !== null && named.has(auditRule.name)) rules.add(auditRule);
  }
  return { rows, rules: [...rules] };
}

function verdictsOf(name: PolicyClassName, halves: readonly Half[]): ClassVerdicts {
  const cells = halves.flatMap(({ any, cells }) => [
    any,
    ...[...cells].sort(([a], [b]) => compareText(a.name, b.name)).map(([, cell]) => cell),
  ]);
  const rules = new Map(cells.flatMap((cell) => cell.rules).map((rule) => [rule.name, rule]));
  return { rows: { name, verdicts: cells.flatMap(({ rows }) => rows) }, rules: [...rules.values()] };
}
