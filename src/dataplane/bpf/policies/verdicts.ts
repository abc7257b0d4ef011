/**
 * The tables of verdicts. A class whose rows change gets another number, so what stands under a number never changes while
 * a pod is judged by it; the rows of the old number go when no pod is.
 */
import type { PortKey, VerdictGroupKey } from '../../../generated/policy.ts';
import type { PolicyClassName, PolicyClassRows } from '../../../model/policy-rows.ts';
import type { Numbers } from '../../policy-numbers.ts';
import { type ClassEntries, classEntries, contentOfClass } from './entries.ts';

/** A class as it stands in the tables. */
export interface NumberedClass {
  readonly number: number;
  readonly content: string;
  readonly rows: PolicyClassRows;
}

export type Classes = ReadonlyMap<PolicyClassName, NumberedClass>;

/** Keys to delete. */
export interface ClassKeys {
  readonly ports: readonly PortKey[];
  readonly groups: readonly VerdictGroupKey[];
}

export interface Verdicts {
  /** By name, as the pods are judged by them. */
  readonly current: Classes;
  /** Gives the class its number and returns what is to be written for it: nothing when it stands in the tables. */
  stage(rows: PolicyClassRows): { readonly numbered: NumberedClass; readonly entries: ClassEntries };
  /** The entries that `stage` gave for the class could not be written, and what was is removed again. */
  unstage(numbered: NumberedClass): void;
  /** The pods are judged by these classes now. */
  commit(classes: Classes): void;
  /** Entries that no pod is judged by any more. */
  takeGone(): ClassKeys;
}

/** `installed`: the tables as they are. */
export function createVerdicts(installed: ClassEntries, numbers: Numbers): Verdicts {
  let current: Classes = new Map();
  const ports = createFound(installed.ports);
  const groups = createFound(installed.groups);
  // Classes that stand in the tables as they should.
  const written = new Map<number, NumberedClass>();
  return {
    get current() {
      return current;
    },
    stage(rows) {
      const content = contentOfClass(rows);
      const numbered = { number: numbers.numberOf('policy-class', content), content, rows };
      if (written.has(numbered.number)) return { numbered, entries: { ports: [], groups: [] } };
      written.set(numbered.number, numbered);
      const wanted = classEntries(numbered.number, rows, numbers);
      return {
        numbered,
        entries: {
          ports: ports.missing(numbered.number, wanted.ports),
          groups: groups.missing(numbered.number, wanted.groups),
        },
      };
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
      const used = new Set([...current.values()].map(({ number }) => number));
      const gone = [...written.values()].filter(({ number }) => !used.has(number));
      for (const { number } of gone) written.delete(number);
      const entries = gone.map(({ number, rows }) => classEntries(number, rows, numbers));
      return {
        ports: [...ports.takeStrays(), ...entries.flatMap((own) => own.ports.map(([key]) => key))],
        groups: [...groups.takeStrays(), ...entries.flatMap((own) => own.groups.map(([key]) => key))],
      };
    },
  };
}

/** What was found in a table, until the class it belongs to is staged. */
function createFound<Key extends { readonly policyClass: number }, Value>(
  entries: readonly (readonly [Key, Value])[],
) {
  const byClass = new Map<number, Map<string, readonly [Key, Value]>>();
  const strays: Key[] = [];
  for (const entry of entries) {
    const own = byClass.get(entry[0].policyClass) ?? new Map<string, readonly [Key, Value]>();
    byClass.set(entry[0].policyClass, own.set(JSON.stringify(entry[0]), entry));
  }
  return {
    /** Those of the wanted entries that are not there; what else is there is a stray. */
    missing(policyClass: number, wanted: readonly (readonly [Key, Value])[]) {
      const there = byClass.get(policyClass) ?? new Map<string, readonly [Key, Value]>();
      byClass.delete(policyClass);
      const missing = wanted.filter(([key, value]) => {
        const text = JSON.stringify(key);
        const before = there.get(text);
        there.delete(text);
        return before === undefined || JSON.stringify(before[1]) !== JSON.stringify(value);
      });
      for (const [key] of there.values()) strays.push(key);
      return missing;
    },
    /** Keys that belong to no class that was staged. */
    takeStrays(): readonly Key[] {
      for (const own of byClass.values()) for (const [key] of own.values()) strays.push(key);
      byClass.clear();
      return strays.splice(0);
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
