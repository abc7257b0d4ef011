/** What batches touched, gathered until it is compiled. */
import type { Touched } from '../model/view.ts';

export function nothingTouched(): Touched {
  return {
    services: new Set(),
    pods: new Set(),
    nodes: new Set(),
    namespaces: new Set(),
    serviceCidrs: new Set(),
    policies: new Set(),
  };
}

/** `everything` takes in whatever comes. */
export function mergeTouched(earlier: Touched | 'everything', later: Touched): Touched | 'everything' {
  if (earlier === 'everything') return earlier;
  return {
    services: new Set([...earlier.services, ...later.services]),
    pods: new Set([...earlier.pods, ...later.pods]),
    nodes: new Set([...earlier.nodes, ...later.nodes]),
    namespaces: new Set([...earlier.namespaces, ...later.namespaces]),
    serviceCidrs: new Set([...earlier.serviceCidrs, ...later.serviceCidrs]),
    policies: new Set([...earlier.policies, ...later.policies]),
  };
}
