/**
 * An API server refuses a bad edit and keeps the object as it was, and nobody takes from an object what it has. Here the
 * edit has happened already, in a file: so an object whose new state the control plane refuses (an address that another
 * has, a node that is not there) goes on in its last good state, until the new one becomes possible, is changed again, or
 * the object is deleted.
 */
import { compareText, type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectChange, Problem, WeirObject } from '../model/objects.ts';
import type { ControlPlane } from './control-plane.ts';
import type { AllocationHistory } from './state.ts';

/** All that has to outlive the process for its successor to go on as if nothing had been. */
export interface ControlPlaneMemory {
  readonly allocations: AllocationHistory;
  /** The objects in effect in place of refused edits. */
  readonly lastGood: readonly WeirObject[];
}

export interface LastingControlPlane extends Pick<ControlPlane, 'apply' | 'revision'> {
  memory(): ControlPlaneMemory;
}

interface Refusal {
  readonly newest: WeirObject;
  readonly good: WeirObject;
  readonly problems: readonly Problem[];
}

/**
 * The same control plane, with a memory of what it accepted.
 * @param lastGood of the memory that `plane` was made with
 */
export function keepLastGood(
  plane: ControlPlane,
  lastGood: ControlPlaneMemory['lastGood'] = [],
): LastingControlPlane {
  const good = new Map<ObjectKey, WeirObject>();
  const refused = new Map<ObjectKey, Refusal>();
  const present = new Set<ObjectKey>();
  let remembered = new Map(lastGood.map((object) => [keyOf(setTo(object)), object]));

  const run = (changes: readonly ObjectChange[]) => {
    const result = plane.apply(changes);
    for (const change of result.changes) {
      if (change.type === 'set') present.add(keyOf(change));
      else present.delete(keyOf(change));
    }
    return result;
  };

  const apply: ControlPlane['apply'] = (changes) => {
    const wanted = new Map([...refused].map(([key, { newest }]) => [key, setTo(newest)]));
    for (const change of changes) wanted.set(keyOf(change), change);
    refused.clear();
    const first = run([...wanted.values()]);
    const backTo: ObjectChange[] = [];
    for (const [key, change] of wanted) {
      if (change.type === 'delete') good.delete(key);
      else if (present.has(key)) good.set(key, change.object);
      else {
        const problems = first.problems.filter(
          (problem) => problem.severity === 'error' && isAbout(problem, key),
        );
        const last = good.get(key) ?? remembered.get(key);
        if (last === undefined || problems.length === 0) continue;
        good.set(key, last);
        refused.set(key, { newest: change.object, good: last, problems: problems.map(withLastGood) });
        backTo.push(setTo(last));
      }
    }
    // The first batch holds every object there is.
    remembered = new Map();
    if (backTo.length === 0) return first;
    const second = run(backTo);
    return {
      changes: latest([...first.changes, ...second.changes]),
      problems: [...second.problems, ...inOrder(refused).flatMap(({ problems }) => problems)],
    };
  };

  return {
    apply(changes) {
      const result = apply(changes);
      plane.keep();
      return result;
    },
    revision: () => [plane.revision(), ...refused.keys()].join(' '),
    memory: () => ({
      allocations: plane.history(),
      lastGood: inOrder(refused).map(({ good: object }) => object),
    }),
  };
}

/** By object: what is told must not depend on which edit came first. */
function inOrder(refused: ReadonlyMap<ObjectKey, Refusal>): readonly Refusal[] {
  return [...refused].sort(([a], [b]) => compareText(a, b)).map(([, refusal]) => refusal);
}

/** The problem of a change that was not taken. */
export function withLastGood(problem: Problem): Problem {
  return { ...problem, message: `${problem.message}; the object stays as it was before` };
}

function isAbout({ object }: Problem, key: ObjectKey): boolean {
  return objectKey(object.kind, object.namespace, object.name) === key;
}

function setTo(object: WeirObject): ObjectChange {
  return { type: 'set', object };
}

function keyOf(change: ObjectChange): ObjectKey {
  const { kind, namespace, name } = change.type === 'set' ? change.object : change;
  return objectKey(kind, namespace, name);
}

/** One change per object, the last: nothing is taken away to be put back. */
function latest(changes: readonly ObjectChange[]): readonly ObjectChange[] {
  return [...new Map(changes.map((change) => [keyOf(change), change])).values()];
}
