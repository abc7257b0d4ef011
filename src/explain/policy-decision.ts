/** What the kernel's look-ups say, for explanations. */
export { decidePolicy, type PolicyTables, peerClassOf, policyTables } from '../dataplane/policy-decision.ts';
