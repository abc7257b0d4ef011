/** What `status` tells of policies: what stands in the kernel, what it counted, and whom nothing protects. */
import { NOT_COMPILED } from '../compile/policies/failed-policies.ts';
import type { PodInterfaceState } from '../dataplane/interfaces/pod-interface-state.ts';
import {
  type Enforcement,
  type UnenforcedPod,
  unenforcedPods,
} from '../dataplane/interfaces/unenforced-pods.ts';
import type { PolicyFigures, PolicyInstallReport } from '../dataplane/policy-backend.ts';
import type { ObjectName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import type { PolicyReference, PolicyRows, RuleRow } from '../model/policy-rows.ts';
import type { ServiceRowsStatus } from './service-rows-record.ts';

export interface PolicyStatus {
  readonly rows: {
    readonly classes: number;
    readonly peers: number;
    readonly verdicts: number;
    readonly rules: number;
    /** Local pods that a policy selects. */
    readonly subjects: number;
  };
  /** Local pods whose packets are judged. */
  readonly guarded: number;
  /** Local pods where nothing can be enforced, and why. */
  readonly unenforced: readonly RefusedPod[];
  /** null: not in the kernel yet. */
  readonly kernel: Omit<PolicyFigures, 'rules'> | null;
  /** Policies that are closed for the pods they select, for a failure of ours. */
  readonly closed: readonly ClosedPolicy[];
  /** Where the backend translates Service addresses itself; null: it does not. */
  readonly services: ServiceRowsStatus | null;
  /** Rules that ever decided. */
  readonly rules: readonly RuleUse[];
  /** The last attempt's error; null: all is in. */
  readonly lastError: string | null;
}

/** As `UnenforcedPod`; `refused`: the kernel took no programs on its interface. */
export type RefusedPod = Omit<UnenforcedPod, 'reason'> & {
  readonly reason: UnenforcedPod['reason'] | 'refused';
};

export interface ClosedPolicy {
  readonly policy: PolicyReference;
  /** `NotCompiled` or `NotProgrammed`. */
  readonly reason: string;
  readonly message: string;
}

export interface RuleUse {
  readonly rule: RuleRow;
  /** Flows it decided, and packets it denied. */
  readonly hits: number;
  /** ISO 8601. */
  readonly lastHitAt: string;
}

/** What is known of policies in the kernel. */
export interface PolicyKnowledge {
  readonly rows: PolicyRows;
  /** What the compiler found. */
  readonly problems: readonly Problem[];
  /** Local pods. */
  readonly interfaces: ReadonlyMap<ObjectName, PodInterfaceState>;
  readonly enforcement: Enforcement;
  readonly services: ServiceRowsStatus | null;
  /** Of the last install; null: none was yet. */
  readonly report: PolicyInstallReport | null;
  readonly lastError: string | null;
}

/** Joins it with what the kernel counted. */
export function policyStatus(known: PolicyKnowledge, figures: PolicyFigures | null): PolicyStatus {
  const { rows, interfaces, services, lastError } = known;
  const unenforced = allUnenforced(known);
  return {
    rows: {
      classes: rows.classes.size,
      peers: rows.peers.size,
      verdicts: [...rows.classes.values()].reduce((total, { verdicts }) => total + verdicts.length, 0),
      rules: rows.rules.size,
      subjects: rows.subjects.size,
    },
    guarded: interfaces.size - unenforced.length,
    unenforced,
    kernel: figures,
    services,
    closed: [...known.problems.filter(({ reason }) => reason === NOT_COMPILED), ...roomProblems(known)].map(
      ({ object, reason, message }) => ({ policy: object as PolicyReference, reason, message }),
    ),
    rules: (figures?.rules ?? []).flatMap(({ rule: name, hits, lastHitMs }) => {
      const rule = rows.rules.get(name);
      return rule === undefined ? [] : [{ rule, hits, lastHitAt: new Date(lastHitMs).toISOString() }];
    }),
    lastError,
  };
}

/** Problems for people: pods that policies select in vain, and policies that found no room in the kernel. */
export function enforcementProblems(known: PolicyKnowledge): readonly Problem[] {
  return [
    ...allUnenforced(known)
      .filter(({ pod }) => known.rows.subjects.has(pod))
      .map(unenforcedProblem),
    ...roomProblems(known),
  ];
}

function roomProblems(known: PolicyKnowledge): readonly Problem[] {
  return unprogrammedPolicies(known).map(closedProblem);
}

function allUnenforced({ interfaces, enforcement, report }: PolicyKnowledge): PolicyStatus['unenforced'] {
  const refused = (report?.unguarded ?? []).map(({ pod, why }) => ({
    pod,
    reason: 'refused' as const,
    detail: why,
  }));
  return [...unenforcedPods(interfaces, enforcement), ...refused];
}

function unenforcedProblem({ pod, reason, detail }: RefusedPod): Problem {
  const [namespace = '', name = ''] = pod.split('/');
  return {
    severity: 'error',
    object: { kind: 'Pod', namespace, name },
    field: '',
    reason: 'NotEnforced',
    message: `policies that select this pod are not enforced: no interface to judge its packets on (${[reason, detail].filter(Boolean).join(': ')})`,
    remedy: 'join it to the node by a veth pair',
    file: null,
  };
}

function closedProblem({ kind, namespace, name }: PolicyReference): Problem {
  return {
    severity: 'error',
    object: { kind, namespace, name },
    field: '',
    reason: 'NotProgrammed',
    message: 'the kernel’s table has no room for its rows: pods that it selects on this node are closed',
    remedy: 'select fewer pods, peers or ports',
    file: null,
  };
}

function unprogrammedPolicies({ rows, report }: PolicyKnowledge): readonly PolicyReference[] {
  const found = new Map<string, PolicyReference>();
  for (const name of report?.unprogrammed ?? [])
    for (const { rule } of rows.classes.get(name)?.verdicts ?? [])
      for (const policy of policiesOf(rows.rules.get(rule)))
        found.set(`${policy.kind}/${policy.namespace}/${policy.name}`, policy);
  return [...found.values()];
}

function policiesOf(rule: RuleRow | undefined): readonly PolicyReference[] {
  if (rule?.kind === 'rule') return [rule.policy];
  return rule?.kind === 'default-deny' ? rule.policies : [];
}
