/** Local pods' interfaces as they are to be judged, and those of nobody known, which let nothing through. */
import { isDeepStrictEqual } from 'node:util';
import { listNewbornInterfaces } from '../dataplane/interfaces/newborn-interfaces.ts';
import { isFound } from '../dataplane/interfaces/pod-interface-state.ts';
import type { PodInterfaceWatch } from '../dataplane/interfaces/watch-pod-interfaces.ts';
import type { PodInterface as Joined } from '../dataplane/policy-change.ts';
import { listInterfaces } from '../kernel/network.ts';
import type { ObjectName } from '../model/names.ts';
import type { PolicyPipeline } from './policy-pipeline.ts';

export interface JoinedPods {
  /** As the last `renew` found them. */
  readonly current: ReadonlyMap<ObjectName, Joined>;
  /** Whose interface it is; one that is nobody's has a name of its own. */
  podBehind(interfaceIndex: number): ObjectName | undefined;
  /** Looks at what changed, and returns it; null: it went. After a rejection the next call looks again. */
  renew(): Promise<ReadonlyMap<ObjectName, Joined | null>>;
}

export interface JoinedPodsOptions {
  readonly pipeline: Pick<PolicyPipeline, 'isCompiled'>;
  readonly podInterfaces: Pick<PodInterfaceWatch, 'current' | 'takeChanged' | 'strangers'>;
  /** Interfaces that look like a pod's let nothing through before their pod is known. */
  readonly defaultClosed: () => boolean;
}

interface State {
  readonly current: Map<ObjectName, Joined>;
  readonly owners: Map<number, ObjectName>;
  /** Pods to look at: their state changed, or policies about them may be compiled by now. */
  readonly due: Set<ObjectName>;
  /** Interfaces of nobody known. */
  readonly nobodys: Set<number>;
}

export function createJoinedPods(options: JoinedPodsOptions): JoinedPods {
  const { podInterfaces, defaultClosed } = options;
  const state: State = { current: new Map(), owners: new Map(), due: new Set(), nobodys: new Set() };
  return {
    current: state.current,
    podBehind: (interfaceIndex) => state.owners.get(interfaceIndex),
    async renew() {
      for (const pod of podInterfaces.takeChanged()) state.due.add(pod);
      const changes = podChanges(state, options);
      const isUsed = usedAfter(state, changes);
      const left = [...leftBy(state, changes)].filter((index) => !isUsed(index));
      const strangers = defaultClosed() ? await unknownInterfaces(podInterfaces, isUsed) : [];
      const nobodys = new Set([...(await standing(left)), ...strangers]);
      for (const index of state.nobodys.symmetricDifference(nobodys)) {
        const pod = nobodyAt(index);
        // No pod is here yet, or it is gone, or another one now: nobody knows who talks.
        const value = { pod, interfaceIndex: index, addresses: [], held: true };
        changes.set(pod, nobodys.has(index) ? value : null);
      }
      commit(state, changes, nobodys);
      return changes;
    },
  };
}

/** Of the pods that are due, those that are joined in another way than before. */
function podChanges({ current, due }: State, options: JoinedPodsOptions): Map<ObjectName, Joined | null> {
  const changes = new Map<ObjectName, Joined | null>();
  for (const pod of due) {
    const last = current.get(pod);
    const next = joinedNow(pod, last, options);
    if (!isDeepStrictEqual(last, next)) changes.set(pod, next ?? null);
  }
  return changes;
}

function joinedNow(
  pod: ObjectName,
  last: Joined | undefined,
  { pipeline, podInterfaces }: JoinedPodsOptions,
): Joined | undefined {
  const state = podInterfaces.current.get(pod);
  if (state === undefined || !isFound(state)) return undefined;
  const { interfaceIndex, addresses } = state;
  // Where compiling failed, pods that have rows keep those.
  const isKnown = last !== undefined && last.interfaceIndex === interfaceIndex && !last.held;
  return { pod, interfaceIndex, addresses, held: !isKnown && !pipeline.isCompiled(pod) };
}

/** Tells of an interface whether a pod has it after the changes. */
function usedAfter(
  { owners, nobodys }: State,
  changes: ReadonlyMap<ObjectName, Joined | null>,
): (index: number) => boolean {
  const taken = new Set([...changes.values()].map((value) => value?.interfaceIndex));
  return (index) => {
    const owner = nobodys.has(index) ? undefined : owners.get(index);
    return taken.has(index) || (owner !== undefined && !changes.has(owner));
  };
}

/** Interfaces that pods had, or nobody, and that may be somebody's or gone by now. */
function leftBy(
  { current, nobodys }: State,
  changes: ReadonlyMap<ObjectName, Joined | null>,
): ReadonlySet<number> {
  const left = new Set(nobodys);
  for (const pod of changes.keys()) {
    const before = current.get(pod);
    if (before !== undefined) left.add(before.interfaceIndex);
  }
  return left;
}

function commit(
  state: State,
  changes: ReadonlyMap<ObjectName, Joined | null>,
  nobodys: ReadonlySet<number>,
): void {
  const { current, owners, due } = state;
  for (const pod of changes.keys()) {
    const before = current.get(pod);
    if (before !== undefined) owners.delete(before.interfaceIndex);
    current.delete(pod);
  }
  for (const [pod, value] of changes) {
    if (value === null) continue;
    current.set(pod, value);
    owners.set(value.interfaceIndex, pod);
  }
  state.nobodys.clear();
  for (const index of nobodys) state.nobodys.add(index);
  for (const pod of due) if (current.get(pod)?.held !== true) due.delete(pod);
}

function nobodyAt(index: number): ObjectName {
  return `interface ${index}` as ObjectName;
}

/** Interfaces that are no known pod's, or none's that has an address. */
async function unknownInterfaces(
  podInterfaces: Pick<PodInterfaceWatch, 'strangers'>,
  isUsed: (index: number) => boolean,
): Promise<readonly number[]> {
  const newborn = (await listNewbornInterfaces()).filter((index) => !isUsed(index));
  return [...podInterfaces.strangers().keys(), ...newborn];
}

/** Those of the interfaces that are still there. */
async function standing(indexes: readonly number[]): Promise<readonly number[]> {
  if (indexes.length === 0) return [];
  const there = new Set((await listInterfaces()).map(({ index }) => index));
  return indexes.filter((index) => there.has(index));
}
