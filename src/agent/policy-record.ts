/** What `status` tells of policies: what stands in the kernel, what it counted, and whom nothing protects. */
import type { PolicyFigures, PolicyInstallReport } from '../dataplane/policy-backend.ts';
import type { ObjectName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import type { PolicyReference, PolicyRows, RuleRow } from '../model/policy-rows.ts';
import type { PodInterface } from './pod-interfaces.ts';

export interface PolicyStatus {
  readonly rows: {
    readonly classes: number;
    readonly peers: number;
    readonly verdicts: number;
    readonly rules: number;
    /** Local pods that a policy selects. */
    readonly subjects: number;
  };
  /** Local pods whose interface is guarded. */
  readonly guarded: number;
  /** Local pods where nothing can be enforced, and why. */
  readonly unenforced: readonly UnenforcedPod[];
  /** null: not in the kernel yet. */
  readonly kernel: Omit<PolicyFigures, 'rules'> | null;
  /** Rules that ever decided. */
  readonly rules: readonly RuleUse[];
  /** The last attempt's error; null: all is in. */
  readonly lastError: string | null;
}

export interface UnenforcedPod {
  readonly pod: ObjectName;
  /** Of a closed list: why it has no interface to judge its packets on, or `refused` by the kernel. */
  readonly reason: string;
  /** For people; may be empty. */
  readonly detail: string;
}

export interface RuleUse {
  readonly rule: RuleRow;
  /** Flows it decided, and packets it denied. */
  readonly hits: number;
  /** ISO 8601. */
  readonly lastHitAt: string;
}

/** Joins rows, interfaces and figures. */
export function policyStatus(
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
  report: PolicyInstallReport | null,
  figures: PolicyFigures | null,
  lastError: string | null,
): PolicyStatus {
  const { rules: uses, ...kernel } = figures ?? { rules: [] };
  const unenforced = unenforcedPods(interfaces, report);
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
    kernel: figures === null ? null : (kernel as Omit<PolicyFigures, 'rules'>),
    rules: uses.flatMap(({ rule: name, hits, lastHitMs }) => {
      const rule = rows.rules.get(name);
      return rule === undefined ? [] : [{ rule, hits, lastHitAt: new Date(lastHitMs).toISOString() }];
    }),
    lastError,
  };
}

function unenforcedPods(
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
  report: PolicyInstallReport | null,
): readonly UnenforcedPod[] {
  const missing = [...interfaces].flatMap(([pod, state]) =>
    'missing' in state ? [{ pod, reason: state.missing, detail: state.detail }] : [],
  );
  const refused = (report?.unguarded ?? []).map(({ pod, why }) => ({ pod, reason: 'refused', detail: why }));
  return [...missing, ...refused];
}

/** Problems for people: pods that policies select in vain, and policies that found no room in the kernel. */
export function enforcementProblems(
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
  report: PolicyInstallReport | null,
): readonly Problem[] {
  return [
    ...unenforcedPods(interfaces, report)
      .filter(({ pod }) => rows.subjects.has(pod))
      .map(unenforcedProblem),
    ...unprogrammedPolicies(rows, report).map(closedProblem),
  ];
}

function unenforcedProblem({ pod, reason, detail }: UnenforcedPod): Problem {
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

function unprogrammedPolicies(
  rows: PolicyRows,
  report: PolicyInstallReport | null,
): readonly PolicyReference[] {
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
