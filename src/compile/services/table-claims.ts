/** Who is spread by a table of `maglev`, of which a node holds so many: the oldest Services that ask for one. */
import type { ObjectName } from '../../model/names.ts';
import type { Problem } from '../../model/objects.ts';
import type { ServiceRows } from '../../model/rows.ts';
import { type Aged, compareAge } from './age.ts';
import type { ServiceDraft } from './draft.ts';
import { problemOf } from './problems.ts';

/**
 * Tables that a node holds. Twice as many, which stand side by side while all of them change, fill the slots of the BPF
 * tables (bpf/maps/service.h) but for 66,000; in nftables each is a map of its own.
 */
export const MOST_TABLES = 15;

/** A Service's rows, and what is wrong with it. */
export interface Settled {
  readonly rows: readonly ServiceRows[];
  readonly problems: readonly Problem[];
}

/** What Services ask for, and the decision between them. */
export interface TableClaims {
  /** Puts what a Service asks for in place of what it asked for; null: it has no draft. */
  replace(name: ObjectName, draft: ServiceDraft | null): void;
  /** Services that got their tables, or have to do without, since the last call. */
  takeChanged(): readonly ObjectName[];
  /** The same, by the nearest scheduler where the Service has to do without. */
  apply(name: ObjectName, draft: ServiceDraft | null, settled: Settled): Settled;
}

interface Claim extends Aged {
  readonly tables: number;
}

/** No Service yet. */
export function createTableClaims(): TableClaims {
  const claims = new Map<ObjectName, Claim>();
  let without: ReadonlySet<ObjectName> = new Set();
  let isSettled = true;
  return {
    replace(name, draft) {
      const before = claims.get(name);
      const tables = draft === null ? 0 : tablesOf(draft);
      const createdAtMs = draft?.service.createdAtMs ?? null;
      if (tables === (before?.tables ?? 0) && (tables === 0 || createdAtMs === before?.createdAtMs)) return;
      isSettled = false;
      if (tables === 0) claims.delete(name);
      else claims.set(name, { name, createdAtMs, tables });
    },
    takeChanged() {
      if (isSettled) return [];
      isSettled = true;
      const before = without;
      without = beyond(claims.values());
      return [...before, ...without].filter((name) => before.has(name) !== without.has(name));
    },
    apply: (name, draft, settled) =>
      draft !== null && without.has(name) ? withoutTables(draft, settled) : settled,
  };
}

// A Service that asks for more than is left gets none, and leaves it to younger ones.
function beyond(claims: Iterable<Claim>): ReadonlySet<ObjectName> {
  let left = MOST_TABLES;
  const names = new Set<ObjectName>();
  for (const { name, tables } of [...claims].sort(compareAge)) {
    if (tables <= left) left -= tables;
    else names.add(name);
  }
  return names;
}

// Of each list that a frontend leads to; one backend needs no table.
function tablesOf({ ports }: ServiceDraft): number {
  return ports.reduce((sum, { rows, wanted }) => {
    if (rows.balancing.scheduler !== 'maglev') return sum;
    const used = new Set(wanted.flatMap(({ row }) => [row.inside, row.outside, row.elsewhere]));
    const lists = (['cluster', 'local'] as const).filter((list) => used.has(list) && rows[list].length > 1);
    return sum + lists.length;
  }, 0);
}

function withoutTables({ service }: ServiceDraft, { rows, problems }: Settled): Settled {
  const problem = problemOf(service, {
    severity: 'warning',
    field: "metadata.annotations['weir.dev/scheduler']",
    reason: 'TooManyTables',
    message: `maglev takes a table for each list of endpoints, and a node holds ${MOST_TABLES}, those of older Services; its connections are spread by sh`,
    remedy: 'use another scheduler for this Service or an older one',
  });
  return {
    rows: rows.map((row) => ({ ...row, balancing: { ...row.balancing, scheduler: 'sh' } })),
    problems: [...problems, problem],
  };
}
