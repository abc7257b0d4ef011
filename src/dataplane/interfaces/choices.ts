/** Which interface each pod chose, and which pod has it where several chose the same. */
import { compareText, type ObjectName } from '../../model/names.ts';
import type { Candidate } from './choice.ts';
import { createRelation } from './relation.ts';

export interface Choice extends Candidate {
  /** The first by name of those that chose it: an interface is judged as one pod's. */
  readonly holder: ObjectName;
}

export interface Choices {
  /** Lets these pods choose again; returns them, and all whose choice may mean something else by that. */
  renew(pods: Iterable<ObjectName>): ReadonlySet<ObjectName>;
  of(pod: ObjectName): Choice | undefined;
}

/** `choose`: what a pod chooses as things are. */
export function createChoices(choose: (pod: ObjectName) => Candidate | undefined): Choices {
  const chosen = new Map<ObjectName, Candidate>();
  const choosers = createRelation<number, ObjectName>();
  /** Returns the indexes of the interfaces before and after. */
  const renewOne = (pod: ObjectName): readonly number[] => {
    const before = chosen.get(pod)?.interface.index;
    const after = choose(pod);
    if (before !== undefined) choosers.delete(before, pod);
    if (after === undefined) chosen.delete(pod);
    else {
      chosen.set(pod, after);
      choosers.add(after.interface.index, pod);
    }
    return [before, after?.interface.index].filter((index) => index !== undefined);
  };
  return {
    renew(pods) {
      const renewed = new Set(pods);
      const indexes = [...renewed].flatMap(renewOne);
      return new Set([...renewed, ...indexes.flatMap(choosers.rightsOf)]);
    },
    of(pod) {
      const candidate = chosen.get(pod);
      if (candidate === undefined) return undefined;
      const [holder = pod] = choosers.rightsOf(candidate.interface.index).toSorted(compareText);
      return { ...candidate, holder };
    },
  };
}
