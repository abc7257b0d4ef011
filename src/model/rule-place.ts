/** Where a verdict comes from, as a person finds it in the manifests. */
import { objectName } from './names.ts';
import type { PolicyAction } from './policy.ts';
import type { PolicyReference, PolicyTier, RuleRow } from './policy-rows.ts';

/** A rule as a person finds it. */
export interface RulePlace {
  /** `NetworkPolicy ns/name` or `ClusterNetworkPolicy name`. */
  readonly policy: string;
  readonly tier: PolicyTier;
  /** `spec.ingress[0]`, with the peer and port that matched where the rule names any: `spec.ingress[0].from[1].ports[0]`. */
  readonly path: string;
  /** `''` where the rule has none. */
  readonly name: string;
  readonly action: PolicyAction;
}

/** What decided: a rule, the default of policies that isolate, or (neither) that all may talk. */
export interface DecidedBy {
  readonly rule: RulePlace | null;
  /** Empty unless a default denies. */
  readonly isolatedBy: readonly string[];
}

/** undefined: no rule is known. */
export function decidedBy(rule: RuleRow | undefined): DecidedBy {
  return {
    rule: rule?.kind === 'rule' ? placeOf(rule) : null,
    isolatedBy: rule?.kind === 'default-deny' ? rule.policies.map(policyText) : [],
  };
}

/** `NetworkPolicy ns/name`. */
export function policyText({ kind, namespace, name }: PolicyReference): string {
  return `${kind} ${objectName(namespace, name)}`;
}

/** A rule for people: its policy and path, or the policies that isolate. */
export function ruleText(rule: RuleRow): string {
  return decidedText(decidedBy(rule));
}

/** What decided, for people. */
export function decidedText({ rule, isolatedBy }: DecidedBy): string {
  if (rule !== null) return `${rule.policy} ${rule.path}`;
  return isolatedBy.length === 0 ? 'no policy decides' : `isolated by ${isolatedBy.join(', ')}`;
}

/** Who denies: the rule's policy and path, or each policy that isolates. */
export function deniersOf(rule: RuleRow): readonly string[] {
  const { rule: place, isolatedBy } = decidedBy(rule);
  return place === null ? isolatedBy : [ruleText(rule)];
}

function placeOf(rule: Extract<RuleRow, { kind: 'rule' }>): RulePlace {
  const { direction, policy, peerIndex, portIndex, ruleIndex } = rule;
  const peer = peerIndex === null ? '' : `.${direction === 'ingress' ? 'from' : 'to'}[${peerIndex}]`;
  const ports = policy.kind === 'NetworkPolicy' ? 'ports' : 'protocols';
  const port = portIndex === null ? '' : `.${ports}[${portIndex}]`;
  return {
    policy: policyText(policy),
    tier: rule.tier,
    path: `spec.${direction}[${ruleIndex}]${peer}${port}`,
    name: rule.ruleName,
    action: rule.action,
  };
}
