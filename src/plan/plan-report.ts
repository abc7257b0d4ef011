/** A change of rows for people (`weir plan`) and for programs (`weir plan --json`). */
import { compareText } from '../model/names.ts';
import type { Rows, RowsChange } from '../model/rows.ts';
import { addressFacts, type Facts, nodeFacts, serviceFacts } from './row-facts.ts';

export type PlanAction = 'add' | 'change' | 'remove';

/** What a plan counts. */
export interface Counted {
  readonly action: PlanAction;
}

/** One fact that comes, goes or changes. */
export interface PlannedFact {
  readonly action: PlanAction;
  readonly what: string;
  /** null where it is new. */
  readonly before: string | null;
  /** null where it goes. */
  readonly after: string | null;
}

/** One row that comes, goes or changes. */
export interface PlannedRow {
  readonly action: PlanAction;
  /** Service id, address, or the node's name. */
  readonly row: string;
  readonly facts: readonly PlannedFact[];
}

/** The plan of Services by table; rows are sorted by name. */
export interface PlanReport {
  readonly services: readonly PlannedRow[];
  readonly addresses: readonly PlannedRow[];
  readonly node: readonly PlannedRow[];
}

/** How an action looks in a plan for people. */
export const ACTION_SIGNS: Readonly<Record<PlanAction, string>> = { add: '+', change: '~', remove: '-' };
const NO_FACTS: Facts = new Map();

/** The plan as data, ready for JSON. `observed` are the rows that the change starts from. */
export function planReport(change: RowsChange, { observed }: { readonly observed: Rows }): PlanReport {
  const services = plannedRows(change.services, observed.services, serviceFacts);
  const addresses = plannedRows(change.addresses, observed.addresses, addressFacts);
  const node = change.node === null ? [] : plannedNode(observed, change.node);
  return { services, addresses, node };
}

/** The plan as text: a line with +, - or ~ per row, and below it one per fact; none for a change of nothing. */
export function planLines(report: PlanReport): readonly string[] {
  return [
    ...tableLines('services', report.services),
    ...tableLines('addresses', report.addresses),
    ...tableLines('node', report.node),
  ];
}

function plannedRows<Key extends string, Row>(
  change: ReadonlyMap<Key, Row | null>,
  observed: ReadonlyMap<Key, Row>,
  factsOf: (row: Row) => Facts,
): readonly PlannedRow[] {
  const planned: PlannedRow[] = [];
  for (const [key, wanted] of change) {
    const present = observed.get(key);
    if (present === undefined && wanted === null) continue;
    const action = present === undefined ? 'add' : wanted === null ? 'remove' : 'change';
    const before = present === undefined ? NO_FACTS : factsOf(present);
    const after = wanted === null ? NO_FACTS : factsOf(wanted);
    planned.push({ action, row: key, facts: plannedFacts(before, after) });
  }
  return planned.sort((a, b) => compareText(a.row, b.row));
}

function plannedNode(observed: Rows, wanted: Rows['node']): readonly PlannedRow[] {
  const facts = plannedFacts(nodeFacts(observed.node), nodeFacts(wanted));
  return [{ action: 'change', row: wanted.node, facts }];
}

function plannedFacts(before: Facts, after: Facts): readonly PlannedFact[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((what): readonly PlannedFact[] => {
    const [old, fresh] = [before.get(what) ?? null, after.get(what) ?? null];
    if (old === fresh) return [];
    const action = old === null ? 'add' : fresh === null ? 'remove' : 'change';
    return [{ action, what, before: old, after: fresh }];
  });
}

function tableLines(table: string, rows: readonly PlannedRow[]): readonly string[] {
  if (rows.length === 0) return [];
  return [`${table}: ${countText(rows)}`, ...rows.flatMap(rowLines)];
}

/** `1 to add, 2 to remove`. */
export function countText(planned: readonly Counted[]): string {
  return (['add', 'change', 'remove'] as const)
    .map((action) => ({ action, count: planned.filter((each) => each.action === action).length }))
    .filter(({ count }) => count > 0)
    .map(({ action, count }) => `${count} to ${action}`)
    .join(', ');
}

function rowLines({ action, row, facts }: PlannedRow): readonly string[] {
  return [
    `  ${ACTION_SIGNS[action]} ${row}`,
    ...facts.map((fact) => `      ${ACTION_SIGNS[fact.action]} ${factText(fact)}`),
  ];
}

function factText({ what, before, after }: PlannedFact): string {
  if (before !== null && after !== null) return `${what}: ${after} (was ${before})`;
  return `${what}: ${after ?? before ?? ''}`;
}
