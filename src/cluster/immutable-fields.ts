/** What an edit of a Service may not change: cluster IPs, once there, are written down in too many places. */
import { type Family, familyOf } from '../model/address.ts';
import type { ServiceObject } from '../model/objects.ts';
import type { ProblemText } from './problems.ts';

/** Errors for what `edited` would change of the completed Service that is in effect; empty: the edit may be tried. */
export function immutableFieldProblems(
  inEffect: ServiceObject,
  edited: ServiceObject,
): readonly ProblemText[] {
  // An ExternalName has none: what comes after it, or before, is free.
  if (inEffect.type === 'ExternalName' || edited.type === 'ExternalName') return [];
  const [before, after] = [inEffect.clusterIps, edited.clusterIps];
  if (before === 'headless' && after === 'headless') return primaryFamily(inEffect, edited);
  if (after === 'headless') return [changed('spec.clusterIPs[0]', 'cluster IP', before[0], 'None')];
  if (before === 'headless') return [changed('spec.clusterIPs[0]', 'cluster IP', 'None', after[0] ?? 'one')];
  const problems = after.flatMap((ip, index) => {
    const known = before[index];
    return known === undefined || known === ip
      ? []
      : [changed(`spec.clusterIPs[${index}]`, 'cluster IP', known, ip)];
  });
  return problems.length > 0 ? problems : primaryFamily(inEffect, edited);
}

function primaryFamily(inEffect: ServiceObject, edited: ServiceObject): readonly ProblemText[] {
  const [before, after] = [firstFamily(inEffect), firstFamily(edited)];
  if (before === undefined || after === undefined || before === after) return [];
  return [changed('spec.ipFamilies[0]', 'first family', before, after)];
}

function firstFamily({ ipFamilies, clusterIps }: ServiceObject): Family | undefined {
  const [first] = clusterIps === 'headless' ? [] : clusterIps;
  return ipFamilies[0] ?? (first === undefined ? undefined : familyOf(first));
}

function changed(field: string, what: string, before: string | undefined, after: string): ProblemText {
  return {
    severity: 'error',
    field,
    reason: 'ImmutableField',
    message: `the ${what} of a Service can't change (${before ?? 'none'} to ${after})`,
    remedy: 'take the edit back, or delete the Service and then create it anew',
  };
}
