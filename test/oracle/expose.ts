/** The annotation weir.dev/expose: which kinds of frontend a Service has, and on which nodes (E11). */
import type { NodeName } from '../../src/model/names.ts';
import type { Labels, ServiceObject } from '../../src/model/objects.ts';
import type { FrontendKind } from '../../src/model/rows.ts';
import type { Cluster } from './question.ts';

const TYPES: Readonly<Record<string, FrontendKind>> = {
  ClusterIP: 'clusterIP',
  NodePort: 'nodePort',
  LoadBalancer: 'loadBalancerIP',
  ExternalIP: 'externalIP',
};

/** `TYPES[ on SELECTOR]`; an annotation that can't be read exposes everything. The selectors here are `a=b`, `a!=b` and `!a`. */
export function isExposed(
  cluster: Cluster,
  service: ServiceObject,
  kind: FrontendKind,
  nodeName: NodeName,
): boolean {
  const [types = 'all', selector] = (service.annotations['weir.dev/expose'] ?? 'all').split(' on ');
  const names = types.split(',');
  if (types !== 'all' && names.some((name) => !(name in TYPES))) return true;
  const labels = cluster.nodes.find(({ name }) => name === nodeName)?.labels ?? {};
  const isHere = selector === undefined || selector.split(',').every((term) => matches(term, labels));
  return isHere && (types === 'all' || names.some((name) => TYPES[name] === kind));
}

function matches(term: string, labels: Labels): boolean {
  if (term.startsWith('!')) return !(term.slice(1) in labels);
  const isNegative = term.includes('!=');
  const [key = '', value = ''] = term.split(isNegative ? '!=' : '=');
  return (labels[key] === value) !== isNegative;
}
