/** A change of policy rows in words that lead back to manifests: policies, pods, and what these may do from then on. */
import { type Address, addressBits, type Prefix, splitPrefix } from '../model/address.ts';
import { compareText, type ObjectName } from '../model/names.ts';
import type { Direction, PolicyClassName, PolicyRows, RuleName, RuleRow } from '../model/policy-rows.ts';
import { policyText } from '../model/rule-place.ts';
import { type PeerGroup, peerGroups } from './peer-groups.ts';
import type { PlanAction } from './plan-report.ts';
import { diffPolicyRows } from './rows-diff.ts';
import {
  type Judging,
  judging,
  type Outcome,
  type PortSpan,
  tellsApart,
  type VerdictChange,
  verdictChanges,
} from './verdict-changes.ts';

/** A policy that comes, goes, or decides a verdict that changes, then or now; of those that decide anything on the node. */
export interface PlannedPolicy {
  readonly action: PlanAction;
  readonly policy: string;
}

/** What becomes of a pod's traffic. */
export interface PolicyFact {
  readonly direction: Direction;
  /** Pods, `node NAME`, networks and addresses. */
  readonly peers: readonly string[];
  /** It is about all peers but these. */
  readonly everybodyElse: boolean;
  readonly ports: readonly PortSpan[];
  readonly before: Outcome;
  readonly after: Outcome;
}

/** A local pod: `add`, `remove`: the first policy selects it, or none any more. */
export interface PlannedPod {
  readonly action: PlanAction;
  readonly pod: ObjectName;
  readonly facts: readonly PolicyFact[];
}

export interface PolicyPlan {
  readonly policies: readonly PlannedPolicy[];
  readonly pods: readonly PlannedPod[];
  /** How many rows come, go or change, by table. */
  readonly rows: Readonly<Record<'peers' | 'subjects' | 'classes' | 'rules', number>>;
}

/** The objects that there will be, for their names. */
export interface PolicyNames {
  readonly pods: ReadonlyMap<Address, ObjectName>;
  readonly nodes: ReadonlyMap<Address, string>;
}

/** Pods that are no longer there have no facts. */
export function policyPlan(before: PolicyRows, after: PolicyRows, names: PolicyNames): PolicyPlan {
  const { peers, subjects, classes, rules } = diffPolicyRows(before, after);
  const pods = plannedPods(before, after, names);
  return {
    policies: plannedPolicies(before, after, pods),
    pods,
    rows: { peers: peers.size, subjects: subjects.size, classes: classes.size, rules: rules.size },
  };
}

export function isEmptyPolicyPlan({ rows }: PolicyPlan): boolean {
  return Object.values(rows).every((count) => count === 0);
}

function plannedPods(before: PolicyRows, after: PolicyRows, names: PolicyNames): readonly PlannedPod[] {
  const factsOf = factsByClasses(before, after, names);
  const present = new Set(names.pods.values());
  const pods = new Set([...before.subjects.keys(), ...after.subjects.keys()]);
  return [...pods].sort(compareText).flatMap((pod): PlannedPod[] => {
    const [was, is] = [before.subjects.get(pod), after.subjects.get(pod)];
    const action = was === undefined ? 'add' : is === undefined ? 'remove' : 'change';
    const facts = is !== undefined || present.has(pod) ? factsOf(was?.policyClass, is?.policyClass) : [];
    return action === 'change' && facts.length === 0 ? [] : [{ action, pod, facts }];
  });
}

/** Pods that are judged alike, before and after, share their facts. */
function factsByClasses(before: PolicyRows, after: PolicyRows, names: PolicyNames) {
  const groups = peerGroups(before.peers, after.peers);
  const nameOf = peerNaming(names);
  const known = new Map<string, readonly PolicyFact[]>();
  return (was: PolicyClassName | undefined, is: PolicyClassName | undefined): readonly PolicyFact[] => {
    const key = JSON.stringify([was ?? null, is ?? null]);
    const facts =
      known.get(key) ?? factsBetween(judgingOf(before, was), judgingOf(after, is), groups, nameOf);
    known.set(key, facts);
    return facts;
  };
}

function judgingOf({ classes, rules }: PolicyRows, name: PolicyClassName | undefined): Judging | null {
  const rows = name === undefined ? undefined : classes.get(name);
  return rows === undefined ? null : judging(rows, rules);
}

const EVERYBODY_ELSE: PeerGroup = { before: null, after: null, prefixes: [] };

function factsBetween(
  before: Judging | null,
  after: Judging | null,
  groups: readonly PeerGroup[],
  nameOf: (prefixes: readonly Prefix[]) => readonly string[],
): readonly PolicyFact[] {
  const own = groups.filter(
    (group) =>
      (before !== null && tellsApart(before, group.before)) ||
      (after !== null && tellsApart(after, group.after)),
  );
  const met = new Map<string, { readonly change: VerdictChange; readonly of: Set<PeerGroup> }>();
  for (const group of [...own, EVERYBODY_ELSE]) {
    for (const change of verdictChanges(before, after, group)) {
      const same = met.get(change.key) ?? { change, of: new Set() };
      met.set(change.key, same);
      same.of.add(group);
    }
  }
  return [...met.values()].map(({ change, of }) => {
    const everybodyElse = of.has(EVERYBODY_ELSE);
    const peers = own.filter((group) => of.has(group) !== everybodyElse).flatMap(({ prefixes }) => prefixes);
    const { direction, ports } = change;
    return {
      direction,
      peers: nameOf(peers),
      everybodyElse,
      ports,
      before: change.before,
      after: change.after,
    };
  });
}

/** A pod or node by its name where all of its addresses are meant. */
function peerNaming({ pods, nodes }: PolicyNames) {
  const owners = new Map<string, string>([
    ...[...nodes].map(([address, node]) => [address, `node ${node}`] as const),
    ...pods,
  ]);
  const addresses = Map.groupBy(owners.keys(), (address) => owners.get(address) ?? '');
  return (prefixes: readonly Prefix[]): readonly string[] => {
    const meant = new Set(prefixes.map(addressOf));
    const texts = [...meant].map((text) => {
      const owner = owners.get(text);
      if (owner === undefined) return text;
      return addresses.get(owner)?.every((each) => meant.has(each)) === true ? owner : `${owner} (${text})`;
    });
    return [...new Set(texts)].sort(compareText);
  };
}

/** The address of a prefix that is of one address; else the prefix. */
function addressOf(prefix: Prefix): string {
  const { address, length } = splitPrefix(prefix);
  return length === addressBits(address) ? address : prefix;
}

function plannedPolicies(
  before: PolicyRows,
  after: PolicyRows,
  pods: readonly PlannedPod[],
): readonly PlannedPolicy[] {
  const [was, is] = [policiesOf(before.rules), policiesOf(after.rules)];
  const outcomes = new Set(pods.flatMap(({ facts }) => facts))
    .values()
    .flatMap((fact) => [fact.before, fact.after]);
  const deciding = new Set(
    outcomes.flatMap(({ rule, isolatedBy }) => (rule === null ? isolatedBy : [rule.policy])),
  );
  return [...new Set([...was, ...is])].sort(compareText).flatMap((policy): PlannedPolicy[] => {
    if (!was.has(policy)) return [{ action: 'add', policy }];
    if (!is.has(policy)) return [{ action: 'remove', policy }];
    return deciding.has(policy) ? [{ action: 'change', policy }] : [];
  });
}

function policiesOf(rules: ReadonlyMap<RuleName, RuleRow>): ReadonlySet<string> {
  const named = [...rules.values()].flatMap((rule) => {
    if (rule.kind === 'rule') return [rule.policy];
    return rule.kind === 'default-deny' ? rule.policies : [];
  });
  return new Set(named.map(policyText));
}
