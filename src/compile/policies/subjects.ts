/** Local pods that policies select, each with its policy class. */
import { compareText, type ObjectKey, type ObjectName } from '../../model/names.ts';
import type { PodObject } from '../../model/objects.ts';
import type { PolicyClassName, SubjectRow } from '../../model/policy-rows.ts';
import { isNamed } from './clauses.ts';
import { namedPorts } from './peer-pods.ts';
import type { PolicyBook } from './policy-book.ts';
import type { PolicyClasses } from './policy-classes.ts';
import type { CompiledPolicy, ResolvedPort } from './verdict-plan.ts';

export interface Subjects {
  /** Makes the rows of these pods anew; those that changed, null where no policy selects the pod any more. */
  settle(pods: Iterable<ObjectName>): ReadonlyMap<ObjectName, SubjectRow | null>;
}

/** @param podOf the local pod of that name, if policies can be about it */
export function createSubjects(
  podOf: (name: ObjectName) => PodObject | undefined,
  book: PolicyBook,
  classes: PolicyClasses,
): Subjects {
  const current = new Map<ObjectName, PolicyClassName>();

  function rowOf(name: ObjectName): SubjectRow | null {
    const pod = podOf(name);
    const policies = pod === undefined ? [] : book.policiesOf(name);
    if (pod === undefined || policies.length === 0) return null;
    const policyClass = classes.enter({ policies, ports: portsOf(pod, policies, book) });
    return { pod: name, addresses: pod.addresses, policyClass };
  }

  return {
    settle(pods) {
      const rows = new Map<ObjectName, SubjectRow | null>();
      for (const name of pods) {
        const before = current.get(name);
        const row = rowOf(name);
        // After entering the new one: a class that the pod stays in is not made anew.
        if (before !== undefined) classes.leave(before);
        if (row === null) current.delete(name);
        else current.set(name, row.policyClass);
        if (row !== null || before !== undefined) rows.set(name, row);
      }
      return rows;
    },
  };
}

/** What the port names in the policies' ingress rules mean for the pod. */
function portsOf(pod: PodObject, policies: readonly ObjectKey[], book: PolicyBook): readonly ResolvedPort[] {
  const own = namedPorts(pod);
  if (own.length === 0) return [];
  const names = new Set(policies.flatMap((key) => namesIn(book.compiled(key))));
  return own
    .filter(({ name }) => names.has(name))
    .map(({ name, protocol, port }) => ({ name, protocol, port }))
    .sort((a, b) => compareText(`${a.name}/${a.protocol}`, `${b.name}/${b.protocol}`));
}

function namesIn(policy: CompiledPolicy | undefined): readonly string[] {
  return (policy?.clauses.ingress ?? []).flatMap(({ ports }) => (isNamed(ports) ? [ports.name] : []));
}
