/** Problems that the control plane finds, kept by the object and step they are about. */
import { compareText, type ObjectKey } from '../model/names.ts';
import type { ObjectReference, Problem } from '../model/objects.ts';

/** What a problem says beside the object it is about. */
export type ProblemText = Pick<Problem, 'severity' | 'field' | 'reason' | 'message' | 'remedy'>;

/** The step that found a problem: each replaces only its own. */
export type Step = 'object' | 'addresses' | 'slices';

export interface ProblemLedger {
  /** Replaces the step's problems of the object. */
  record(step: Step, key: ObjectKey, reference: ObjectReference, texts: readonly ProblemText[]): void;
  /** Every problem known now, ordered by object. */
  all(): readonly Problem[];
}

export function createProblemLedger(): ProblemLedger {
  const known = new Map<string, readonly Problem[]>();
  return {
    record(step, key, { kind, namespace, name }, texts) {
      if (texts.length === 0 && known.size === 0) return;
      const place = `${key} ${step}`;
      if (texts.length === 0) known.delete(place);
      else
        known.set(
          place,
          texts.map((text) => ({ ...text, object: { kind, namespace, name }, file: null })),
        );
    },
    all: () => [...known].sort(([a], [b]) => compareText(a, b)).flatMap(([, problems]) => problems),
  };
}
