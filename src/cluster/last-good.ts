/**
 * An API server refuses a bad edit and keeps the object as it was, and nobody takes from an object what it has. Here the
 * edit has happened already, in a file: so an object whose new state the control plane refuses (an address that another
 * has, a node that is not there) goes on in its last good state, until the new one becomes possible, is changed again, or
 * the object is deleted.
 */
import { isDeepStrictEqual } from 'node:util';
import { compareText, type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectChange, Problem, WeirObject } from '../model/objects.ts';
import type { ControlPlane } from './control-plane.ts';
import { immutableFieldProblems } from './immutable-fields.ts';
import type { AllocationHistory } from './state.ts';

/** All that has to outlive the process for its successor to go on as if nothing had been. */
export interface ControlPlaneMemory {
  readonly allocations: AllocationHistory;
  /** Services and ServiceCIDRs as the control plane has them, perhaps older than in the input; and what else is so. */
  readonly given: readonly WeirObject[];
}

export interface LastingControlPlane extends Pick<ControlPlane, 'apply' | 'revision'> {
  memory(): ControlPlaneMemory;
  /** The objects in effect in place of refused edits. */
  standIns(): readonly WeirObject[];
}

type Step = ReturnType<ControlPlane['apply']>;

interface Refusal {
  readonly newest: WeirObject;
  readonly good: WeirObject;
  readonly problems: readonly Problem[];
}

interface Ledger {
  readonly plane: ControlPlane;
  readonly refused: Map<ObjectKey, Refusal>;
  /** Counts batches with changes of remembered kinds. */
  edits: number;
}

/**
 * The same control plane, with a memory.
 * @param given of the memory that `plane` was made with
 */
export function keepLastGood(
  plane: ControlPlane,
  given: ControlPlaneMemory['given'] = [],
): LastingControlPlane {
  const ledger: Ledger = { plane, refused: new Map(), edits: 0 };
  let remembered = given;
  const apply = (changes: readonly ObjectChange[]): Step => {
    const step = applyEdits(ledger, changes);
    plane.keep();
    return step;
  };
  return {
    apply(changes) {
      if (remembered.length === 0) return apply(changes);
      const { before, since } = resumption(remembered, changes);
      remembered = [];
      return joined(apply(before), apply(since));
    },
    revision: () => [plane.revision(), ledger.edits, ...ledger.refused.keys()].join(' '),
    memory: () => ({ allocations: plane.history(), given: givenIn(ledger) }),
    standIns: () => inOrder(ledger.refused).map(({ good }) => good),
  };
}

/** The first batch after a restart, which holds every object there is: what the control plane had, and what happened since. */
function resumption(
  remembered: readonly WeirObject[],
  changes: readonly ObjectChange[],
): Readonly<Record<'before' | 'since', readonly ObjectChange[]>> {
  const known = new Map(remembered.map((object) => [keyOf(setTo(object)), object]));
  const present = new Set(changes.map(keyOf));
  const had = [...known].filter(([key, object]) => present.has(key) || isRemembered(setTo(object)));
  const gone = had.filter(([key]) => !present.has(key));
  return {
    before: [
      ...changes.filter((change) => !known.has(keyOf(change)) && !isRemembered(change)),
      ...had.map(([, object]) => setTo(object)),
    ],
    since: [
      ...gone.map(
        ([, { kind, namespace, name }]): ObjectChange => ({ type: 'delete', kind, namespace, name }),
      ),
      ...changes.filter((change) => {
        const object = known.get(keyOf(change));
        return object === undefined ? isRemembered(change) : isEdit(object, change);
      }),
    ],
  };
}

function isEdit(known: WeirObject, change: ObjectChange): boolean {
  return change.type === 'set' && !isDeepStrictEqual(known, change.object);
}

/** Kinds of which every object is remembered. */
function isRemembered(change: ObjectChange): boolean {
  const { kind } = subjectOf(change);
  return kind === 'Service' || kind === 'ServiceCIDR';
}

function givenIn({ plane, refused }: Ledger): readonly WeirObject[] {
  const others = inOrder(refused).map(({ good }) => good);
  return [...plane.givenServices(), ...others.filter((object) => !isRemembered(setTo(object)))];
}

/** The problem of a change that was not taken. */
function withLastGood(problem: Problem): Problem {
  return { ...problem, message: `${problem.message}; the object stays as it was before` };
}

/** Tries changes, and again those that were refused before; takes back those that are refused. */
function applyEdits(ledger: Ledger, changes: readonly ObjectChange[]): Step {
  const { plane, refused } = ledger;
  const wanted = new Map([...refused].map(([key, { newest }]) => [key, setTo(newest)]));
  for (const change of changes) wanted.set(keyOf(change), withFormerPolicy(plane, change));
  if (changes.some(isRemembered)) ledger.edits += 1;
  refused.clear();
  const good = new Map<ObjectKey, WeirObject | undefined>();
  const refuse = (key: ObjectKey, change: ObjectChange, problems: readonly Problem[]): void => {
    const last = good.get(key);
    if (change.type === 'delete' || last === undefined || problems.length === 0) return;
    refused.set(key, { newest: change.object, good: last, problems });
  };
  for (const [key, change] of wanted) {
    const inEffect = plane.completed(subjectOf(change));
    if (inEffect === undefined) continue;
    good.set(key, plane.given(inEffect));
    refuse(key, change, immutableProblems(inEffect, change));
  }
  for (const key of refused.keys()) wanted.delete(key);
  const first = plane.apply([...wanted.values()]);
  const errors = errorsByObject(first.problems);
  const backTo: ObjectChange[] = [];
  for (const [key, change] of wanted) {
    const problems = errors.get(key);
    if (problems === undefined || plane.completed(subjectOf(change)) !== undefined) continue;
    refuse(key, change, problems);
    const refusal = refused.get(key);
    if (refusal !== undefined) backTo.push(setTo(refusal.good));
  }
  const step = backTo.length === 0 ? first : joined(first, plane.apply(backTo));
  const told = inOrder(refused).flatMap(({ problems }) => problems.map(withLastGood));
  return { ...step, problems: [...step.problems, ...told] };
}

/** An edit that leaves ipFamilyPolicy out changes nothing about it: no family goes because a line went. */
function withFormerPolicy(plane: ControlPlane, change: ObjectChange): ObjectChange {
  if (change.type === 'delete' || change.object.kind !== 'Service') return change;
  const former = plane.completed(change.object);
  const isOpen = change.object.ipFamilyPolicy === null && change.object.type !== 'ExternalName';
  if (!isOpen || former?.kind !== 'Service' || former.type === 'ExternalName') return change;
  return setTo({ ...change.object, ipFamilyPolicy: former.ipFamilyPolicy });
}

function immutableProblems(inEffect: WeirObject, change: ObjectChange): readonly Problem[] {
  if (change.type === 'delete' || inEffect.kind !== 'Service' || change.object.kind !== 'Service') return [];
  const { kind, namespace, name } = change.object;
  const texts = immutableFieldProblems(inEffect, change.object);
  return texts.map((text) => ({ ...text, object: { kind, namespace, name }, file: null }));
}

function errorsByObject(problems: readonly Problem[]): ReadonlyMap<ObjectKey, readonly Problem[]> {
  const errors = problems.filter(({ severity }) => severity === 'error');
  return Map.groupBy(errors, ({ object }) => objectKey(object.kind, object.namespace, object.name));
}

/** By object: what is told must not depend on which edit came first. */
function inOrder(refused: ReadonlyMap<ObjectKey, Refusal>): readonly Refusal[] {
  return [...refused].sort(([a], [b]) => compareText(a, b)).map(([, refusal]) => refusal);
}

function setTo(object: WeirObject): ObjectChange {
  return { type: 'set', object };
}

/** Kind, namespace and name. */
function subjectOf(change: ObjectChange): Pick<WeirObject, 'kind' | 'namespace' | 'name'> {
  return change.type === 'set' ? change.object : change;
}

function keyOf(change: ObjectChange): ObjectKey {
  const { kind, namespace, name } = subjectOf(change);
  return objectKey(kind, namespace, name);
}

/** One change per object, the last: nothing is taken away to be put back. */
function joined(first: Step, second: Step): Step {
  const changes = [...first.changes, ...second.changes];
  return {
    changes: [...new Map(changes.map((change) => [keyOf(change), change])).values()],
    problems: second.problems,
  };
}
