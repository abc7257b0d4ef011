/** What the policy rows say about one end of a connection, in words that lead back to the manifests. */

import { decidePolicy, type PolicyTables } from '../dataplane/policy-decision.ts';
import type { Address } from '../model/address.ts';
import { objectName, type Protocol } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import type { Direction } from '../model/policy-rows.ts';
import { type DecidedBy, decidedBy, deniersOf } from '../model/rule-place.ts';
import { type NearestRule, nearestRule, type PolicyObjects } from './nearest-rule.ts';

export interface PolicyAnswer extends DecidedBy {
  readonly verdict: 'allowed' | 'denied';
  /** The rule of these policies that came closest, and how it missed; null where they have none. */
  readonly nearest: NearestRule | null;
  /** What would deny if the audited policies were enforced: a rule's policy and path, or the isolating policies. */
  readonly auditDeniedBy: readonly string[];
}

/** No policy has a say: none selects the pod, or policies never are about this packet. */
export const UNTOUCHED_BY_POLICY: PolicyAnswer = {
  verdict: 'allowed',
  rule: null,
  isolatedBy: [],
  nearest: null,
  auditDeniedBy: [],
};

/** A connection as one of its ends meets it. */
export interface PolicyEnd {
  readonly direction: Direction;
  readonly subject: PodObject;
  readonly peer: Address;
  /** null: a protocol without ports. */
  readonly protocol: Protocol | null;
  readonly port: number;
}

/** Judges one end by the rows of the subject's node. */
export function answerPolicy(tables: PolicyTables, objects: PolicyObjects, end: PolicyEnd): PolicyAnswer {
  const { rows } = tables;
  const subject = rows.subjects.get(objectName(end.subject.namespace, end.subject.name));
  if (subject === undefined) return UNTOUCHED_BY_POLICY;
  const row = decidePolicy(tables, { ...end, policyClass: subject.policyClass });
  const rule = rows.rules.get(row.rule);
  const auditRule = row.auditRule === null ? undefined : rows.rules.get(row.auditRule);
  const isolating = rule?.kind === 'default-deny' ? rule.policies : [];
  return {
    verdict: row.verdict === 'allow' ? 'allowed' : 'denied',
    ...decidedBy(rule),
    nearest: nearestRule(objects, isolating, end),
    auditDeniedBy: auditRule === undefined ? [] : deniersOf(auditRule),
  };
}

/** One readable line about one end; empty where no policy has a say. */
export function policyAnswerText(direction: Direction, answer: PolicyAnswer): string {
  const audited =
    answer.auditDeniedBy.length > 0 ? `, would be denied by ${answer.auditDeniedBy.join(', ')}` : '';
  if (answer.rule !== null)
    return `${direction} ${answer.verdict} by ${answer.rule.policy} ${answer.rule.path}${audited}`;
  if (answer.verdict === 'allowed') return audited === '' ? '' : `${direction} allowed${audited}`;
  const isolated = `${direction} denied: isolated by ${answer.isolatedBy.join(', ')}`;
  if (answer.nearest === null) return `${isolated}, which let nobody through`;
  const { policy, path, missed } = answer.nearest;
  const misses = missed.map(({ field, wanted, found }) => `${field} (wants ${wanted}, is ${found})`);
  return `${isolated}; nearest ${policy} ${path} misses by ${misses.join(' and ')}`;
}
