/** Policies are read and explained, but no backend installs them in this version: whoever wrote one has to know. */
import type { PolicyObject, Problem } from '../model/objects.ts';

/** One warning per policy. */
export function unenforcedPolicies(policies: Iterable<PolicyObject>): readonly Problem[] {
  return [...policies].map(({ kind, namespace, name }) => ({
    severity: 'warning',
    object: { kind, namespace, name },
    field: '',
    reason: 'NotEnforced',
    message: 'policies are not enforced yet by this version: everything passes',
    remedy: 'keep what enforces policies in the cluster now; weir trace shows what this policy would do',
    file: null,
  }));
}
