/** Which Services have rows at all. */
import type { ServiceObject } from '../../model/objects.ts';

const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/**
 * Whether this proxy serves the Service. Not headless ones and ExternalNames, which only DNS knows (A19, A20); not those
 * of another proxy (A62); not before a cluster IP is allocated.
 */
export function isServed(
  service: ServiceObject | undefined,
  serviceProxyName: string | null,
): service is ServiceObject {
  if (service === undefined || service.type === 'ExternalName') return false;
  if (service.clusterIps === 'headless' || service.clusterIps.length === 0) return false;
  return (service.labels[PROXY_NAME_LABEL] ?? null) === serviceProxyName;
}
