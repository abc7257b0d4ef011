/** What a Service's healthCheckNodePort answers on this node (A49). */
import { type NodeName, type ObjectName, objectName, type Port } from '../../model/names.ts';
import type { EndpointSliceObject, ServiceObject } from '../../model/objects.ts';
import type { EndpointWeights } from './weights.ts';

/** What to answer at one healthCheckNodePort. */
export interface HealthCheck {
  readonly service: ObjectName;
  /** spec.healthCheckNodePort. */
  readonly port: Port;
  /** Ready endpoints on this node; not those terminating or in maintenance, so that load balancers drain the node early. */
  readonly localReadyEndpoints: number;
}

/**
 * The check of a Service, null when it has none. `exposed`: its load-balancer IPs are served on this node; where they
 * are not, the check says that nothing is here.
 */
export function healthCheckOf(
  service: ServiceObject,
  slices: readonly EndpointSliceObject[],
  node: NodeName,
  exposed: boolean,
  weights: EndpointWeights,
): HealthCheck | null {
  const port = service.healthCheckNodePort;
  if (port === null || service.type !== 'LoadBalancer' || service.externalTrafficPolicy !== 'Local')
    return null;
  const ready = exposed ? readyHere(slices, node, weights) : 0;
  return { service: objectName(service.namespace, service.name), port, localReadyEndpoints: ready };
}

// A dual-stack pod stands in a slice of each family but is one endpoint; without pods, addresses of one family count.
function readyHere(
  slices: readonly EndpointSliceObject[],
  node: NodeName,
  { weightOf }: EndpointWeights,
): number {
  const seen = { IPv4: new Set<string>(), IPv6: new Set<string>() };
  for (const slice of slices) {
    const { addressType } = slice;
    if (addressType === 'FQDN') continue;
    for (const endpoint of slice.endpoints) {
      const {
        ready,
        terminating,
        nodeName,
        addresses: [address],
      } = endpoint;
      if (!ready || terminating || nodeName !== node || address === undefined) continue;
      if (weightOf(slice, endpoint) > 0) seen[addressType].add(address);
    }
  }
  return Math.max(seen.IPv4.size, seen.IPv6.size);
}
