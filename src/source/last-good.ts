/** What is said of an object that was refused while an earlier state of it goes on. */
import type { Problem } from '../model/objects.ts';

/** The problem with that said; of a warning there is nothing to say. */
export function withLastGood(problem: Problem): Problem {
  if (problem.severity !== 'error') return problem;
  return { ...problem, message: `${problem.message}; its last good state stays in effect` };
}
