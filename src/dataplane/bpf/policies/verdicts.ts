/**
 * The table of verdicts. A class whose rows change gets another number, so what stands under a number never changes while
 * a pod is judged by it; the rows of the old number go when no pod is.
 */
import type { VerdictKey } from '../../../generated/policy.ts';
import type { PolicyClassName, PolicyClassRows } from '../../../model/policy-rows.ts';
import { contentOfClass, type VerdictEntry, verdictEntries } from './entries.ts';
import type { Numbers } from './numbers.ts';

/** A class as it stands in the table. */
export interface NumberedClass {
  readonly number: number;
  readonly content: string;
  readonly rows: PolicyClassRows;
}

export type Classes = ReadonlyMap<PolicyClassName, NumberedClass>;

export interface Verdicts {
  /** By name, as the pods are judged by them. */
  readonly current: Classes;
  /** Gives the class its number and returns what is to be written for it: nothing when it stands in the table. */
  stage(rows: PolicyClassRows): {
    readonly numbered: NumberedClass;
    readonly entries: readonly VerdictEntry[];
  };
  /** The entries that `stage` gave for the class could not be written, and what was is removed again. */
  unstage(numbered: NumberedClass): void;
  /** The pods are judged by these classes now. */
  commit(classes: Classes): void;
  /** Entries that no pod is judged by any more. */
  takeGone(): readonly VerdictKey[];
}

/** `installed`: the table as it is. */
export function createVerdicts(installed: readonly VerdictEntry[], numbers: Numbers): Verdicts {
  let current: Classes = new Map();
  // What was found in the table and belongs to no class that was staged, by number.
  const found = new Map<number, Map<string, VerdictEntry>>();
  // Classes that stand in the table as they should.
  const written = new Map<number, NumberedClass>();
  const gone: VerdictKey[] = [];
  for (const entry of installed) {
    const entries = found.get(entry[0].policyClass) ?? new Map<string, VerdictEntry>();
    found.set(entry[0].policyClass, entries.set(JSON.stringify(entry[0]), entry));
  }
  return {
    get current() {
      return current;
    },
    stage(rows) {
      const content = contentOfClass(rows);
      const numbered = { number: numbers.numberOf('policy-class', content), content, rows };
      if (written.has(numbered.number)) return { numbered, entries: [] };
      const there = found.get(numbered.number) ?? new Map<string, VerdictEntry>();
      found.delete(numbered.number);
      const wanted = verdictEntries(numbered.number, rows, numbers);
      const entries = wanted.filter(([key, verdict]) => {
        const text = JSON.stringify(key);
        const before = there.get(text);
        there.delete(text);
        return before === undefined || JSON.stringify(before[1]) !== JSON.stringify(verdict);
      });
      gone.push(...[...there.values()].map(([key]) => key));
      written.set(numbered.number, numbered);
      return { numbered, entries };
    },
    unstage: ({ number }) => void written.delete(number),
    commit(classes) {
      for (const numbered of classes.values()) {
        if (current.get(numbered.rows.name)?.number !== numbered.number) holdNames(numbers, 'hold', numbered);
      }
      for (const numbered of current.values()) {
        if (classes.get(numbered.rows.name)?.number !== numbered.number) holdNames(numbers, 'drop', numbered);
      }
      current = classes;
    },
    takeGone() {
      for (const entries of found.values()) gone.push(...[...entries.values()].map(([key]) => key));
      found.clear();
      const used = new Set([...current.values()].map(({ number }) => number));
      for (const [number, { rows }] of written) {
        if (used.has(number)) continue;
        gone.push(...verdictEntries(number, rows, numbers).map(([key]) => key));
        written.delete(number);
      }
      return gone.splice(0);
    },
  };
}

function holdNames(numbers: Numbers, change: 'hold' | 'drop', { content, rows }: NumberedClass): void {
  numbers[change]('policy-class', content);
  for (const { rule, auditRule, peerClass } of rows.verdicts) {
    numbers[change]('rule', rule);
    if (auditRule !== null) numbers[change]('rule', auditRule);
    if (peerClass !== null) numbers[change]('peer-class', peerClass);
  }
}
