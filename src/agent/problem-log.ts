/** Tells each problem once, when it comes up: to the log, and as a Kubernetes Event where there is an API server. */
import type { Problem } from '../model/objects.ts';

export interface ProblemLog {
  /** All problems there are now; reports those that were not there at the last call. */
  update(problems: readonly Problem[]): void;
}

export interface ProblemLogOptions {
  /** Called once per new problem. */
  readonly report: (problem: Problem) => void;
  /** Called once when a reported problem is gone. */
  readonly resolved: (problem: Problem) => void;
}

/** Remembers what was reported; a problem that comes back is reported again. */
export function createProblemLog(options: ProblemLogOptions): ProblemLog {
  let known = new Map<string, Problem>();
  return {
    update(problems) {
      const current = new Map(problems.map((problem) => [problemIdentity(problem), problem]));
      for (const [identity, problem] of current) if (!known.has(identity)) options.report(problem);
      for (const [identity, problem] of known) if (!current.has(identity)) options.resolved(problem);
      known = current;
    },
  };
}

/** One line for a person: object, field, what is wrong, what to do, where it came from. */
export function problemLine(problem: Problem): string {
  const { kind, namespace, name } = problem.object;
  const whole = namespace === '' ? name : `${namespace}/${name}`;
  const object = `${kind} ${name === '' ? 'without a name' : whole}`;
  const file = problem.file === null ? '' : ` (${problem.file})`;
  const colon = problem.field === '' || name === '' ? ':' : '';
  return oneLine(`${object}${colon} ${problemText(problem)}${file}`);
}

/** The same where the object is known anyway: field, what is wrong, what to do. */
export function problemText({ field, message, remedy }: Omit<Problem, 'severity'>): string {
  return oneLine(`${field === '' ? '' : `${field}: `}${message}${remedy === '' ? '' : `; ${remedy}`}`);
}

/** Names and values are the input's, and may hold anything: nobody shall forge a second line with them. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** The same text for the same problem, whenever it comes up. */
export function problemIdentity(problem: Omit<Problem, 'severity'>): string {
  const { kind, namespace, name } = problem.object;
  // Of those without a name, the file tells one from the other.
  const place = name === '' ? problem.file : name;
  return JSON.stringify([kind, namespace, place, problem.field, problem.reason, problem.message]);
}
