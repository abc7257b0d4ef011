/** Building and collecting the problems that compiling finds. */
import { compareText } from '../../model/names.ts';
import type { Labels, Meta, ObjectKind, Problem } from '../../model/objects.ts';

/** What is wrong, without the object it is about. */
export type Finding = Pick<Problem, 'severity' | 'field' | 'reason' | 'message' | 'remedy'>;

/** An annotation that Weir gives a meaning, and what becomes of a value that has none. */
export interface AnnotationMeaning<Value> {
  readonly name: string;
  /** undefined: the text is no value. */
  readonly parse: (text: string) => Value | undefined;
  /** Without the annotation, and with a value that is none; `effect` says the latter to a person. */
  readonly otherwise: Value;
  readonly effect: string;
  readonly remedy: string;
}

/** The value of an object's annotation; a text that is no value becomes a finding. */
export function annotationValue<Value>(
  { annotations }: { readonly annotations: Labels },
  findings: Finding[],
  { name, parse, otherwise, effect, remedy }: AnnotationMeaning<Value>,
): Value {
  const text = annotations[name];
  if (text === undefined) return otherwise;
  const value = parse(text);
  if (value !== undefined) return value;
  const message = `"${text}" is not a value of ${name}; ${effect}`;
  const field = `metadata.annotations['${name}']`;
  findings.push({ severity: 'warning', field, reason: 'UnknownAnnotationValue', message, remedy });
  return otherwise;
}

/** The finding as a problem of this object; sources add the file where they know it. */
export function problemOf(
  object: Pick<Meta, 'namespace' | 'name'> & { readonly kind: ObjectKind },
  finding: Finding,
): Problem {
  return {
    severity: finding.severity,
    object: { kind: object.kind, namespace: object.namespace, name: object.name },
    field: finding.field,
    reason: finding.reason,
    message: finding.message,
    remedy: finding.remedy,
    file: null,
  };
}

/** Current problems, by what found them. */
export interface ProblemBook {
  /** Replaces all problems found by `finder`. */
  set(finder: string, problems: readonly Problem[]): void;
  /** Every current problem once, in an order that does not depend on the order of events. */
  list(): readonly Problem[];
}

/** No problems yet. */
export function createProblemBook(): ProblemBook {
  const byFinder = new Map<string, readonly Problem[]>();
  let listed: readonly Problem[] | null = [];
  return {
    set(finder, problems) {
      if (problems.length > 0) byFinder.set(finder, problems);
      else if (!byFinder.delete(finder)) return;
      listed = null;
    },
    list() {
      listed ??= sortedOnce([...byFinder.values()].flat());
      return listed;
    },
  };
}

// Both families of a port find the same thing; people want to read it once.
function sortedOnce(problems: readonly Problem[]): readonly Problem[] {
  const byText = new Map(problems.map((problem) => [textOf(problem), problem]));
  return [...byText].sort(([a], [b]) => compareText(a, b)).map(([, problem]) => problem);
}

function textOf({ object, field, reason, message }: Problem): string {
  return [object.kind, object.namespace, object.name, field, reason, message].join('\0');
}
