/**
 * The policies and the local pods that each selects. Only policies that select one are compiled; the terms they name are
 * held for just as long.
 */
import { compareText, type ObjectKey, type ObjectName } from '../../model/names.ts';
import type { PolicyObject } from '../../model/objects.ts';
import type { PodSelection } from '../../model/policy.ts';
import { type Clause, clausesOf, isNamed } from './clauses.ts';
import type { FailedPolicies } from './failed-policies.ts';
import type { Peers } from './peers.ts';
import type { SelectionMatcher, Watched } from './selection-matcher.ts';
import type { Term } from './terms.ts';
import type { CompiledPolicy } from './verdict-plan.ts';

export interface BookChange {
  /** Policies that mean something else now, those gone included. */
  readonly policies: ReadonlySet<ObjectKey>;
  /** Local pods that these policies select or selected. */
  readonly pods: ReadonlySet<ObjectName>;
}

export interface PolicyBook {
  /** null: the policy is gone. */
  set(key: ObjectKey, policy: PolicyObject | null): void;
  /** Compiles what has to be since the last call. */
  settle(localPodsChanged: boolean): BookChange;
  /** The policies that select the pod, sorted by key. */
  policiesOf(pod: ObjectName): readonly ObjectKey[];
  compiled(key: ObjectKey): CompiledPolicy | undefined;
  /** All compiled policies. */
  active(): Iterable<ObjectKey>;
}

interface Known {
  readonly object: PolicyObject;
  readonly group: Group;
}

/** Policies that select the same pods. */
interface Group {
  readonly selection: string;
  readonly watched: Watched;
  readonly policies: Set<ObjectKey>;
}

interface Held extends CompiledPolicy {
  readonly terms: readonly Term[];
  readonly portNames: readonly string[];
}

/** @param failed hears of policies whose compile fails, and says what stands in for them */
export function createPolicyBook(
  subjects: SelectionMatcher,
  peers: Peers,
  failed: Pick<FailedPolicies, 'standIn' | 'attempt'>,
): PolicyBook {
  const known = new Map<ObjectKey, Known>();
  const held = new Map<ObjectKey, Held>();
  const groups = createGroups(subjects);
  const pending = new Set<ObjectKey>();

  function join(key: ObjectKey, object: PolicyObject): Known {
    return { object, group: groups.join(key, object) };
  }

  /** True if its meaning changed. */
  function settlePolicy(key: ObjectKey): boolean {
    const policy = known.get(key);
    const before = held.get(key);
    const isActive = policy !== undefined && policy.group.watched.pods.size > 0;
    if (isActive ? before?.object === policy.object : before === undefined) return false;
    // First the new terms, then the old ones go: what both name stays as it is.
    if (!isActive) held.delete(key);
    else if (!failed.attempt(key, 'rules', () => held.set(key, hold(policy.object, peers)))) return false;
    if (before !== undefined) drop(before, peers);
    return true;
  }

  return {
    set(key, policy) {
      const before = known.get(key);
      if (policy === null) known.delete(key);
      else failed.attempt(key, 'selection', () => known.set(key, join(key, failed.standIn(key, policy))));
      if (before !== undefined && before.group !== known.get(key)?.group) groups.leave(key, before.group);
      pending.add(key);
    },
    settle(localPodsChanged) {
      const policies = new Set<ObjectKey>();
      const looked = localPodsChanged ? new Set([...known.keys(), ...pending]) : pending;
      for (const key of looked) if (settlePolicy(key)) policies.add(key);
      pending.clear();
      return { policies, pods: groups.takeTouched() };
    },
    policiesOf: groups.policiesOf,
    compiled: (key) => held.get(key),
    active: () => held.keys(),
  };
}

/** Policies by what they select; remembers the pods of groups that a policy joined or left. */
function createGroups(subjects: SelectionMatcher) {
  const groups = new Map<string, Group>();
  const byWatched = new Map<Watched, Group>();
  let touched = new Set<ObjectName>();

  function touch({ watched }: Group): void {
    for (const pod of watched.pods) touched.add(pod);
  }

  function groupFor(policy: PolicyObject): Group {
    const selected = selectionOf(policy);
    const selection = JSON.stringify([selected.namespaces, selected.pods]);
    const existing = groups.get(selection);
    if (existing !== undefined) return existing;
    const group: Group = { selection, watched: subjects.watch(selected), policies: new Set() };
    groups.set(selection, group);
    byWatched.set(group.watched, group);
    return group;
  }

  return {
    join(key: ObjectKey, policy: PolicyObject): Group {
      const group = groupFor(policy);
      group.policies.add(key);
      touch(group);
      return group;
    },
    leave(key: ObjectKey, group: Group): void {
      touch(group);
      group.policies.delete(key);
      if (group.policies.size > 0) return;
      groups.delete(group.selection);
      byWatched.delete(group.watched);
      subjects.unwatch(group.watched);
    },
    policiesOf(pod: ObjectName): readonly ObjectKey[] {
      const keys: ObjectKey[] = [];
      for (const watched of subjects.matchesOf(pod)) keys.push(...(byWatched.get(watched)?.policies ?? []));
      return keys.sort(compareText);
    },
    takeTouched(): ReadonlySet<ObjectName> {
      const taken = touched;
      touched = new Set();
      return taken;
    },
  };
}

function hold(object: PolicyObject, peers: Peers): Held {
  const terms: Term[] = [];
  const acquire = (content: Term['content']): Term => {
    const term = peers.acquire(content);
    terms.push(term);
    return term;
  };
  const clauses = {
    ingress: clausesOf(object, 'ingress', acquire),
    egress: clausesOf(object, 'egress', acquire),
  };
  const portNames = [...new Set(clauses.egress.flatMap(namesOf))];
  for (const name of portNames) peers.usePortName(name);
  return { object, clauses, terms, portNames };
}

function drop({ terms, portNames }: Held, peers: Peers): void {
  for (const term of terms) peers.release(term);
  for (const name of portNames) peers.dropPortName(name);
}

function selectionOf(policy: PolicyObject): PodSelection {
  return policy.kind === 'NetworkPolicy'
    ? { namespaces: policy.namespace, pods: policy.podSelector }
    : policy.subject;
}

function namesOf({ ports }: Clause): readonly string[] {
  return isNamed(ports) ? [ports.name] : [];
}
