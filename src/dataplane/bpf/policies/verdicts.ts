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

/** undefined: the class goes. */
export type ClassChanges = ReadonlyMap<PolicyClassName, NumberedClass | undefined>;

/** Keys to delete. */
export interface ClassKeys {
  readonly ports: readonly PortKey[];
  readonly groups: readonly VerdictGroupKey[];
}

export interface Verdicts {
  /** By name, as the pods are judged by them. */
  readonly current: ReadonlyMap<PolicyClassName, NumberedClass>;
  /** Gives the class its number and returns what is to be written for it: nothing when it stands in the tables. */
  stage(rows: PolicyClassRows): { readonly numbered: NumberedClass; readonly entries: ClassEntries };
  /** The entries that `stage` gave for the class could not be written, and what was is removed again. */
  unstage(numbered: NumberedClass): void;
  /** The pods are judged by these classes now, and by all others as before. */
  commit(changes: ClassChanges): void;
  /** Entries that no pod is judged by any more. */
  takeGone(): ClassKeys;
}

/** `installed`: the tables as they are. */
export function createVerdicts(installed: ClassEntries, numbers: Numbers): Verdicts {
  const current = new Map<PolicyClassName, NumberedClass>();
  const ports = createFound(installed.ports);
  const groups = createFound(installed.groups);
  // Classes that stand in the tables as they should.
  const written = new Map<number, NumberedClass>();
  // Numbers by which nobody is judged any more. One is of one class only: its content has the name.
  const left = new Set<number>();
  return {
    current,
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
    commit(changes) {
      for (const [name, numbered] of changes) {
        const before = current.get(name);
        if (numbered === undefined) current.delete(name);
        else current.set(name, numbered);
        if (before?.number === numbered?.number) continue;
        if (numbered !== undefined) {
          left.delete(numbered.number);
          holdNames(numbers, 'hold', numbered);
        }
        if (before !== undefined) {
          left.add(before.number);
          holdNames(numbers, 'drop', before);
        }
      }
    },
    takeGone() {
      const gone = [...left].flatMap((number) => written.get(number) ?? []);
      for (const number of left) written.delete(number);
      left.clear();
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
