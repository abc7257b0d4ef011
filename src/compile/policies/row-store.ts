/** The rows handed out last: what stayed the same is not in a change. */
import { isDeepStrictEqual } from 'node:util';
import type { Prefix } from '../../model/address.ts';
import type { ObjectName } from '../../model/names.ts';
import type {
  PeerRow,
  PolicyClassName,
  PolicyClassRows,
  PolicyRows,
  PolicyRowsChange,
  RuleName,
  RuleRow,
  SubjectRow,
  VerdictRow,
} from '../../model/policy-rows.ts';
import type { ClassVerdicts } from './class-verdicts.ts';

/** New values as the parts of the compiler tell them; null: gone. */
export interface NewRows {
  readonly peers: ReadonlyMap<Prefix, PeerRow | null>;
  readonly subjects: ReadonlyMap<ObjectName, SubjectRow | null>;
  readonly classes: ReadonlyMap<PolicyClassName, ClassVerdicts | null>;
}

export interface RowStore {
  rows(): PolicyRows;
  /** Takes new values; what of them is different. `whole`: all that is not named went. */
  take(news: NewRows, whole: boolean): PolicyRowsChange;
}

export function createRowStore(): RowStore {
  const peers = new Map<Prefix, PeerRow>();
  const subjects = new Map<ObjectName, SubjectRow>();
  const classes = new Map<PolicyClassName, PolicyClassRows>();
  const rules = createRuleCounts();

  function takeClasses(news: NewRows['classes'], whole: boolean): PolicyRowsChange['classes'] {
    const rows = new Map([...news].map(([name, verdicts]) => [name, verdicts?.rows ?? null]));
    const changed = takeTable(classes, rows, whole, sameVerdicts);
    // Also where the rows are the same: a rule may have another name or action now.
    for (const name of new Set([...news.keys(), ...changed.keys()]))
      rules.replace(name, news.get(name)?.rules ?? []);
    return changed;
  }

  return {
    rows: () => ({ peers, subjects, classes, rules: rules.table }),
    take(news, whole) {
      return {
        peers: takeTable(peers, news.peers, whole, (a, b) => a.peerClass === b.peerClass),
        subjects: takeTable(subjects, news.subjects, whole, isDeepStrictEqual),
        classes: takeClasses(news.classes, whole),
        rules: rules.takeChanged(),
      };
    },
  };
}

function takeTable<Name, Row>(
  table: Map<Name, Row>,
  news: ReadonlyMap<Name, Row | null>,
  whole: boolean,
  same: (a: Row, b: Row) => boolean,
): ReadonlyMap<Name, Row | null> {
  const changed = new Map<Name, Row | null>();
  for (const [name, row] of news) {
    const before = table.get(name);
    if (row === null ? before === undefined : before !== undefined && same(before, row)) continue;
    changed.set(name, row);
    if (row === null) table.delete(name);
    else table.set(name, row);
  }
  if (!whole) return changed;
  for (const name of [...table.keys()])
    if (!news.has(name)) {
      table.delete(name);
      changed.set(name, null);
    }
  return changed;
}

/** By hand, since a policy class may have thousands. */
function sameVerdicts(a: PolicyClassRows, b: PolicyClassRows): boolean {
  return (
    a.verdicts.length === b.verdicts.length && a.verdicts.every((row, at) => sameRow(row, b.verdicts[at]))
  );
}

function sameRow(a: VerdictRow, b: VerdictRow | undefined): boolean {
  return (
    a === b ||
    (a.direction === b?.direction &&
      a.peerClass === b.peerClass &&
      a.protocol === b.protocol &&
      a.port === b.port &&
      a.bits === b.bits &&
      a.verdict === b.verdict &&
      a.rule === b.rule &&
      a.auditRule === b.auditRule)
  );
}

/** Rules that some class names. */
function createRuleCounts() {
  const table = new Map<RuleName, RuleRow>();
  const users = new Map<RuleName, number>();
  const namedBy = new Map<PolicyClassName, readonly RuleRow[]>();
  const before = new Map<RuleName, RuleRow | null>();

  function remember(name: RuleName): void {
    if (!before.has(name)) before.set(name, table.get(name) ?? null);
  }

  return {
    table: table as ReadonlyMap<RuleName, RuleRow>,
    replace(policyClass: PolicyClassName, rules: readonly RuleRow[]): void {
      for (const rule of rules) {
        if (table.get(rule.name) !== rule) remember(rule.name);
        users.set(rule.name, (users.get(rule.name) ?? 0) + 1);
        table.set(rule.name, rule);
      }
      for (const { name } of namedBy.get(policyClass) ?? []) {
        const left = (users.get(name) ?? 0) - 1;
        users.set(name, left);
        if (left > 0) continue;
        remember(name);
        users.delete(name);
        table.delete(name);
      }
      if (rules.length === 0) namedBy.delete(policyClass);
      else namedBy.set(policyClass, rules);
    },
    takeChanged(): ReadonlyMap<RuleName, RuleRow | null> {
      const changed = new Map<RuleName, RuleRow | null>();
      for (const [name, old] of before) {
        const now = table.get(name) ?? null;
        if (!isDeepStrictEqual(old, now)) changed.set(name, now);
      }
      before.clear();
      return changed;
    },
  };
}
