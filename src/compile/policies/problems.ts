/** What is probably not meant in policies that are otherwise in effect. */
import type { PolicyObject, Problem } from '../../model/objects.ts';
import { DIRECTIONS } from '../../model/policy-rows.ts';
import { type Clause, isNamed } from './clauses.ts';
import type { Peers } from './peers.ts';
import type { CompiledPolicy } from './verdict-plan.ts';

/** A warning for each port name that no pod has: such a port matches nothing. */
export function policyProblems(
  policies: Iterable<CompiledPolicy>,
  pods: Pick<Peers['pods'], 'anyHas'>,
): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { object, clauses } of policies)
    for (const direction of DIRECTIONS) {
      const told = new Set<string>();
      for (const clause of clauses[direction]) {
        const problem = unknownName(object, clause, pods);
        if (problem === null || told.has(problem.field)) continue;
        told.add(problem.field);
        problems.push(problem);
      }
    }
  return problems;
}

function unknownName(
  { kind, namespace, name }: PolicyObject,
  { ports, rule }: Clause,
  pods: Pick<Peers['pods'], 'anyHas'>,
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
