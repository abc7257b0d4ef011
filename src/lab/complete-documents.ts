/** The documents completed by the control plane; an edit that it refuses leaves the object as it was. */
import { isDeepStrictEqual } from 'node:util';
import type { AddressPool } from '../cluster/address-pool.ts';
import { withNode } from '../cluster/complete.ts';
import { createControlPlane } from '../cluster/control-plane.ts';
import { keepLastGood } from '../cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import type { Address } from '../model/address.ts';
import type { ObjectChange, ObjectReference, Problem, WeirObject } from '../model/objects.ts';
import { type LabDocument, objectsOf } from './documents.ts';

/** How the lab gives addresses to load balancers, and to whom it gave which, by `namespace/name|family`. */
export interface LabPools {
  readonly loadBalancerPools: readonly AddressPool[];
  readonly balancerAddresses: Readonly<Record<string, Address>>;
}

export interface CompletedDocuments extends Pick<LabPools, 'balancerAddresses'> {
  /** Refused edits stand beside what stays in effect. */
  readonly documents: readonly LabDocument[];
  readonly objects: readonly WeirObject[];
  readonly problems: readonly Problem[];
}

/**
 * Does what an agent does that saw the documents before and sees them after the change.
 * @param previous the lab's documents before the change
 */
export function completeKeepingGood(
  previous: readonly LabDocument[],
  documents: readonly LabDocument[],
  { loadBalancerPools, balancerAddresses }: LabPools,
): CompletedDocuments {
  const history = { balancerAddresses: new Map(Object.entries(balancerAddresses)) };
  const plane = keepLastGood(createControlPlane({ ...DEFAULT_CLUSTER_OPTIONS, loadBalancerPools }, history));
  const completed = new Map<string, WeirObject>();
  const none: ObjectsByKey = new Map();
  const before = previous.length === 0 ? none : byKey(withNode(objectsOf(previous)));
  const after = byKey(withNode(objectsOf(documents)));
  let problems: readonly Problem[] = [];
  for (const changes of [changesFrom(none, before), changesFrom(before, after)]) {
    const step = plane.apply(changes);
    problems = step.problems;
    for (const change of step.changes) {
      if (change.type === 'set') completed.set(keyOf(change.object), change.object);
      else completed.delete(keyOf(change));
    }
  }
  const { allocations } = plane.memory();
  const earlier = new Map(previous.map((document) => [document.key, document]));
  const refused = new Set(plane.standIns().map(keyOf));
  return {
    documents: documents.map((document) => {
      const good = refused.has(document.key) ? earlier.get(document.key) : undefined;
      return good === undefined ? document : { ...good, refused: document.raw };
    }),
    objects: [...completed.values()],
    problems,
    balancerAddresses: Object.fromEntries(allocations.balancerAddresses),
  };
}

type ObjectsByKey = ReadonlyMap<string, WeirObject>;

function changesFrom(before: ObjectsByKey, after: ObjectsByKey): readonly ObjectChange[] {
  const gone = [...before].filter(([key]) => !after.has(key));
  const come = [...after].filter(([key, object]) => !isDeepStrictEqual(before.get(key), object));
  return [
    ...gone.map(([, { kind, namespace, name }]): ObjectChange => ({ type: 'delete', kind, namespace, name })),
    ...come.map(([, object]): ObjectChange => ({ type: 'set', object })),
  ];
}

function byKey(objects: readonly WeirObject[]): ObjectsByKey {
  return new Map(objects.map((object) => [keyOf(object), object]));
}

function keyOf({ kind, namespace, name }: ObjectReference): string {
  return `${kind} ${namespace}/${name}`;
}
