/** What is probably not meant in policies that are otherwise in effect. */
import { compareText, type ObjectKey } from '../../model/names.ts';
import type { PolicyObject, Problem } from '../../model/objects.ts';
import { DIRECTIONS } from '../../model/policy-rows.ts';
import { type Clause, isNamed } from './clauses.ts';
import type { Peers } from './peers.ts';
import type { PolicyBook } from './policy-book.ts';
import type { CompiledPolicy } from './verdict-plan.ts';

export interface PolicyProblems {
  /** All there are now; `changed`: the policies that came, went or mean something else since the last call. */
  update(changed: Iterable<ObjectKey>): readonly Problem[];
}

/** Warns of each port name that no pod has: such a port matches nothing. */
export function createPolicyProblems(
  book: Pick<PolicyBook, 'compiled' | 'active'>,
  pods: Peers['pods'],
): PolicyProblems {
  const problems = new Map<ObjectKey, readonly Problem[]>();
  let version = -1;
  return {
    update(changed) {
      const namesChanged = pods.portNamesVersion() !== version;
      version = pods.portNamesVersion();
      for (const key of namesChanged ? [...book.active(), ...problems.keys(), ...changed] : changed) {
        const found = problemsOf(book.compiled(key), pods);
        if (found.length === 0) problems.delete(key);
        else problems.set(key, found);
      }
      // Never by who came first.
      return [...problems].sort(([a], [b]) => compareText(a, b)).flatMap(([, found]) => found);
    },
  };
}

function problemsOf(policy: CompiledPolicy | undefined, pods: Peers['pods']): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const direction of DIRECTIONS)
    for (const clause of policy?.clauses[direction] ?? []) {
      const problem = policy === undefined ? null : unknownName(policy.object, clause, pods);
      // A rule with several peers has the port in as many clauses.
      if (problem !== null) problems.set(problem.field, problem);
    }
  return [...problems.values()];
}

function unknownName(
  { kind, namespace, name }: PolicyObject,
  { ports, rule }: Clause,
  pods: Peers['pods'],
): Problem | null {
  if (!isNamed(ports)) return null;
  // The pods that a NetworkPolicy lets others reach are in its own namespace.
  const ownOnly = kind === 'NetworkPolicy' && rule.direction === 'ingress';
  if (pods.anyHas(ports.name, ports.protocol, ownOnly ? namespace : null)) return null;
  const list = kind === 'NetworkPolicy' ? 'ports' : 'protocols';
  const protocol = ports.protocol === null ? '' : ` of ${ports.protocol}`;
  return {
    severity: 'warning',
    object: { kind, namespace, name },
    field: `spec.${rule.direction}[${rule.ruleIndex}].${list}[${rule.portIndex}]`,
    reason: 'UnknownPortName',
    message: `no pod${ownOnly ? ` of ${namespace}` : ''} calls a port${protocol} "${ports.name}": it matches nothing`,
    remedy: 'use a name of spec.containers[].ports, or a number',
    file: null,
  };
}
