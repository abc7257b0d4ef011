/** What a Service's healthCheckNodePort answers on this node (A49). */
import { type NodeName, type ObjectName, objectName, type Port } from '../../model/names.ts';
import type { EndpointSliceObject, ServiceObject } from '../../model/objects.ts';

/** What to answer at one healthCheckNodePort. */
export interface HealthCheck {
  readonly service: ObjectName;
  /** spec.healthCheckNodePort. */
  readonly port: Port;
  /** Ready endpoints on this node; terminating ones don't count, so that load balancers drain the node early. */
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
): HealthCheck | null {
  const port = service.healthCheckNodePort;
  if (port === null || service.type !== 'LoadBalancer' || service.externalTrafficPolicy !== 'Local')
    return null;
  const ready = exposed ? readyHere(slices, node) : 0;
  return { service: objectName(service.namespace, service.name), port, localReadyEndpoints: ready };
}

// A dual-stack pod stands in a slice of each family but is one endpoint; without pods, addresses of one family count.
function readyHere(slices: readonly EndpointSliceObject[], node: NodeName): number {
  const seen = { IPv4: new Set<string>(), IPv6: new Set<string>() };
  for (const { addressType, endpoints } of slices) {
    if (addressType === 'FQDN') continue;
    for (const { ready, terminating, nodeName, addresses } of endpoints) {
      const [address] = addresses;
      if (ready && !terminating && nodeName === node && address !== undefined) seen[addressType].add(address);
    }
  }
  return Math.max(seen.IPv4.size, seen.IPv6.size);
}
