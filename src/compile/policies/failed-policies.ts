/**
 * Policies whose compile failed, and what stands in for each: itself with nothing allowed, and with all pods that it may
 * be about where the selection is what failed. The others never notice.
 */
import { compareText, type ObjectKey } from '../../model/names.ts';
import type {
  ClusterNetworkPolicyObject,
  NetworkPolicyObject,
  PolicyObject,
  Problem,
} from '../../model/objects.ts';
import type { PolicyRule } from '../../model/policy.ts';

/** The reason in the problem of such a policy. */
export const NOT_COMPILED = 'NotCompiled';

/** What of a policy failed. */
export type PolicyPart = 'selection' | 'rules';

export interface FailedPolicies {
  /** What to compile in the policy's place: itself unless it failed. */
  standIn(key: ObjectKey, policy: PolicyObject): PolicyObject;
  /** Runs a part of the policy's compile; false if that failed. */
  attempt(key: ObjectKey, part: PolicyPart, work: () => void): boolean;
  /**
   * True if some failed since the last call: they are closed from now on, and what they left half made is to be thrown away.
   * @throws a cause where only what stands in failed
   */
  takeNew(): boolean;
  /** A compile begins; these are tried again. */
  begin(retried: Iterable<ObjectKey>): void;
  keys(): Iterable<ObjectKey>;
  problems(): readonly Problem[];
}

interface Failure {
  readonly parts: ReadonlySet<PolicyPart>;
  readonly cause: unknown;
  /** null before anybody asked for it. */
  standIn: PolicyObject | null;
}

export function createFailedPolicies(): FailedPolicies {
  const failures = new Map<ObjectKey, Failure>();
  const fresh = new Map<ObjectKey, { readonly part: PolicyPart; readonly cause: unknown }>();
  return {
    standIn(key, policy) {
      const failure = failures.get(key);
      if (failure === undefined) return policy;
      failure.standIn = closed(policy, failure.parts.has('selection'));
      return failure.standIn;
    },
    attempt(key, part, work) {
      try {
        work();
        return true;
      } catch (cause) {
        if (!fresh.has(key)) fresh.set(key, { part, cause });
        return false;
      }
    },
    takeNew() {
      const found = [...fresh];
      fresh.clear();
      const news = found.filter(([key, { part }]) => !failures.get(key)?.parts.has(part));
      if (found[0] !== undefined && news.length === 0) throw found[0][1].cause;
      for (const [key, { part, cause }] of news) {
        const parts = new Set([...(failures.get(key)?.parts ?? []), part]);
        failures.set(key, { parts, cause, standIn: null });
      }
      return news.length > 0;
    },
    begin(retried) {
      fresh.clear();
      for (const key of retried) failures.delete(key);
    },
    keys: () => failures.keys(),
    problems: () =>
      [...failures]
        .sort(([a], [b]) => compareText(a, b))
        .flatMap(([, { standIn, ...failure }]) => (standIn === null ? [] : problemOf(standIn, failure))),
  };
}

/** It still isolates where it did; of a ClusterNetworkPolicy's directions those that have rules are denied in its place. */
function closed(policy: PolicyObject, everywhere: boolean): PolicyObject {
  return policy.kind === 'NetworkPolicy'
    ? closedNetworkPolicy(policy, everywhere)
    : closedClusterPolicy(policy, everywhere);
}

function closedNetworkPolicy(policy: NetworkPolicyObject, everywhere: boolean): NetworkPolicyObject {
  const { podSelector, ingress, egress } = policy;
  return {
    ...policy,
    podSelector: everywhere ? [] : podSelector,
    ingress: ingress === null ? null : [],
    egress: egress === null ? null : [],
  };
}

const DENIED: readonly PolicyRule[] = [{ name: '', action: 'Deny', peers: 'everybody', ports: 'every' }];

function closedClusterPolicy(
  policy: ClusterNetworkPolicyObject,
  everywhere: boolean,
): ClusterNetworkPolicyObject {
  const { subject, ingress, egress } = policy;
  return {
    ...policy,
    subject: everywhere ? { namespaces: [], pods: [] } : subject,
    ingress: ingress.length === 0 ? [] : DENIED,
    egress: egress.length === 0 ? [] : DENIED,
  };
}

function problemOf(policy: PolicyObject, { parts, cause }: Omit<Failure, 'standIn'>): Problem {
  const { kind, namespace, name, audit } = policy;
  const everything = kind === 'NetworkPolicy' ? 'all pods of its namespace' : 'all pods';
  const whom = parts.has('selection') ? everything : 'the pods that it selects';
  const effect = audit ? `all traffic of ${whom} is told as denied by it` : `it is closed for ${whom}`;
  return {
    severity: 'error',
    object: { kind, namespace, name },
    field: '',
    reason: NOT_COMPILED,
    message: `could not be compiled (${cause instanceof Error ? cause.message : String(cause)}): ${effect}`,
    remedy: 'write it in another way, and report this: it is a defect of Weir',
    file: null,
  };
}
