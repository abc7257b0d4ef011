/**
 * Classes of local pods and their verdicts. A change of a policy makes its classes anew; a peer class that comes or goes
 * changes only the verdicts about it.
 */
import type { ObjectKey } from '../../model/names.ts';
import type { PolicyClassName } from '../../model/policy-rows.ts';
import { type ClassVerdicts, createClassVerdicts, type VerdictMaker } from './class-verdicts.ts';
import { contentKey } from './content-key.ts';
import type { FailedPolicies } from './failed-policies.ts';
import type { PeerClass } from './peer-class-table.ts';
import type { PeerChange } from './peer-classes.ts';
import type { Peers } from './peers.ts';
import { createPostings, type Postings } from './postings.ts';
import type { CompiledPolicy, ResolvedPort } from './verdict-plan.ts';

/** What pods of one class have in common. */
export interface ClassContent {
  /** Sorted, without duplicates. */
  readonly policies: readonly ObjectKey[];
  /** What the port names of these policies' ingress rules mean; sorted. */
  readonly ports: readonly ResolvedPort[];
}

export interface PolicyClasses {
  /** Counts one more pod. */
  enter(content: ClassContent): PolicyClassName;
  /** Counts one pod less. */
  leave(name: PolicyClassName): void;
  /** Makes verdicts anew where policies or peer classes changed; null where the last pod left. */
  settle(
    policies: ReadonlySet<ObjectKey>,
    peerChange: PeerChange,
  ): ReadonlyMap<PolicyClassName, ClassVerdicts | null>;
}

interface PolicyClass extends ClassContent {
  readonly name: PolicyClassName;
  pods: number;
  /** null: not made yet, or to be made anew. */
  verdicts: VerdictMaker | null;
}

interface State {
  readonly peers: Pick<Peers, 'classesWith' | 'portTerms'>;
  readonly compiled: (key: ObjectKey) => CompiledPolicy | undefined;
  readonly failed: Pick<FailedPolicies, 'attempt'>;
  readonly classes: Map<PolicyClassName, PolicyClass>;
  readonly byPolicy: Postings<PolicyClass>;
  /** By the keys of terms and the names of ports that its verdicts tell peers apart by. */
  readonly byTerm: Postings<PolicyClass>;
  readonly byPortName: Postings<PolicyClass>;
  readonly touched: Set<PolicyClass>;
}

export function createPolicyClasses(
  peers: State['peers'],
  compiled: State['compiled'],
  failed: State['failed'],
): PolicyClasses {
  const state: State = {
    peers,
    compiled,
    failed,
    classes: new Map(),
    byPolicy: createPostings(),
    byTerm: createPostings(),
    byPortName: createPostings(),
    touched: new Set(),
  };
  return {
    enter(content) {
      const name = nameOf(content);
      const policyClass = state.classes.get(name) ?? begin(state, name, content);
      policyClass.pods += 1;
      state.touched.add(policyClass);
      return name;
    },
    leave(name) {
      const policyClass = state.classes.get(name);
      if (policyClass === undefined) return;
      policyClass.pods -= 1;
      state.touched.add(policyClass);
    },
    settle(policies, peerChange) {
      const changed = new Map<PolicyClassName, ClassVerdicts | null>();
      for (const key of policies)
        for (const policyClass of state.byPolicy.of(key)) forget(state, policyClass);
      const made = new Set<PolicyClass>();
      for (const policyClass of state.touched) {
        if (policyClass.pods === 0) {
          end(state, policyClass);
          changed.set(policyClass.name, null);
        } else if (policyClass.verdicts === null) {
          attempt(state, policyClass, () => make(state, policyClass));
          made.add(policyClass);
        }
      }
      state.touched.clear();
      for (const policyClass of [...made, ...amend(state, peerChange, made)])
        if (policyClass.verdicts !== null) changed.set(policyClass.name, policyClass.verdicts.verdicts());
      return changed;
    },
  };
}

function begin({ classes, byPolicy }: State, name: PolicyClassName, content: ClassContent): PolicyClass {
  const policyClass: PolicyClass = { ...content, name, pods: 0, verdicts: null };
  classes.set(name, policyClass);
  for (const key of content.policies) byPolicy.add(key, policyClass);
  return policyClass;
}

function end(state: State, policyClass: PolicyClass): void {
  forget(state, policyClass);
  state.classes.delete(policyClass.name);
  for (const key of policyClass.policies) state.byPolicy.remove(key, policyClass);
}

/** Its verdicts have to be made anew. */
function forget({ byTerm, byPortName, touched }: State, policyClass: PolicyClass): void {
  for (const { key } of policyClass.verdicts?.terms ?? []) byTerm.remove(key, policyClass);
  for (const name of policyClass.verdicts?.portNames ?? []) byPortName.remove(name, policyClass);
  policyClass.verdicts = null;
  touched.add(policyClass);
}

function make(state: State, policyClass: PolicyClass): void {
  const { byTerm, byPortName } = state;
  const verdicts = verdictsFor(state, policyClass, policyClass.policies);
  policyClass.verdicts = verdicts;
  for (const { key } of verdicts.terms) byTerm.add(key, policyClass);
  for (const name of verdicts.portNames) byPortName.add(name, policyClass);
}

function verdictsFor(
  { peers, compiled }: State,
  { name, ports }: PolicyClass,
  policies: readonly ObjectKey[],
): VerdictMaker {
  const verdicts = createClassVerdicts(
    name,
    policies.flatMap((key) => compiled(key) ?? []),
    ports,
  );
  const portTerms = [...verdicts.portNames].flatMap((portName) => [...peers.portTerms(portName)]);
  const told = [...verdicts.terms, ...portTerms].flatMap((term) => [...peers.classesWith(term)]);
  for (const peer of new Set(told)) verdicts.judge(peer);
  return verdicts;
}

/** Has policies that make the work on their class fail told of: those that fail alone too, else all of the class. */
function attempt(state: State, policyClass: PolicyClass, work: () => void): void {
  const { failed } = state;
  try {
    work();
  } catch (cause) {
    const fails = (key: ObjectKey) =>
      !failed.attempt(key, 'rules', () => void verdictsFor(state, policyClass, [key]));
    if (policyClass.policies.map(fails).includes(true)) return;
    for (const key of policyClass.policies)
      failed.attempt(key, 'rules', () => {
        throw cause;
      });
  }
}

/** Follows peer classes that came and went; the policy classes with other verdicts now. */
function amend(
  state: State,
  { born, dead }: PeerChange,
  made: ReadonlySet<PolicyClass>,
): ReadonlySet<PolicyClass> {
  const amended = new Set<PolicyClass>();
  for (const peer of dead)
    for (const policyClass of concerned(state, peer))
      if (policyClass.verdicts?.forget(peer)) amended.add(policyClass);
  for (const peer of born)
    for (const policyClass of concerned(state, peer)) {
      if (made.has(policyClass)) continue;
      attempt(state, policyClass, () => policyClass.verdicts?.judge(peer));
      amended.add(policyClass);
    }
  return amended;
}

/** Classes whose verdicts may tell this peer class from others. */
function concerned({ byTerm, byPortName }: State, peer: PeerClass): ReadonlySet<PolicyClass> {
  const found = new Set<PolicyClass>();
  for (const { key, content } of peer.terms) {
    for (const policyClass of byTerm.of(key)) found.add(policyClass);
    if (content.type === 'port')
      for (const policyClass of byPortName.of(content.name)) found.add(policyClass);
  }
  return found;
}

function nameOf({ policies, ports }: ClassContent): PolicyClassName {
  const portTexts = ports.map(({ name, protocol, port }) => `${name}/${protocol}/${port}`);
  return contentKey([...policies, '', ...portTexts]) as PolicyClassName;
}
