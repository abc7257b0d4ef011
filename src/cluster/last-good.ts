/**
 * An API server refuses a bad edit and keeps the object as it was. Here the edit has happened already, in a file: so an
 * object whose new state the control plane refuses (an address that another has, a node that is not there) goes on in
 * its last good state, until the new one becomes possible, is changed again, or the object is deleted.
 */
import { type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectChange, Problem, WeirObject } from '../model/objects.ts';
import type { ControlPlane } from './control-plane.ts';

/** The same control plane, with a memory of what it accepted. A new one has none: it knows no earlier state. */
export function keepLastGood(plane: ControlPlane): ControlPlane {
  const good = new Map<ObjectKey, WeirObject>();
  const refused = new Map<
    ObjectKey,
    { readonly newest: WeirObject; readonly problems: readonly Problem[] }
  >();
  const present = new Set<ObjectKey>();

  const run = (changes: readonly ObjectChange[]) => {
    const result = plane.apply(changes);
    for (const change of result.changes) {
      if (change.type === 'set') present.add(keyOf(change));
      else present.delete(keyOf(change));
    }
    return result;
  };

  return {
    history: () => plane.history(),
    apply(changes) {
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
          const last = good.get(key);
          if (last === undefined || problems.length === 0) continue;
          refused.set(key, { newest: change.object, problems: problems.map(withLastGood) });
          backTo.push(setTo(last));
        }
      }
      if (backTo.length === 0) return first;
      const second = run(backTo);
      return {
        changes: latest([...first.changes, ...second.changes]),
        problems: [...second.problems, ...[...refused.values()].flatMap(({ problems }) => problems)],
      };
    },
  };
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
