/** The environment variables by which a kubelet tells a pod of Services. */
import { formatEndpoint } from '../model/address.ts';
import type { Meta, ServiceObject } from '../model/objects.ts';

/** The API server's own Service: every pod is told of it. */
const MASTER = { namespace: 'default', name: 'kubernetes' } as const;

/**
 * Variables of the Services with a cluster IP that are of the pod's namespace and not younger than the pod, and of
 * `default/kubernetes`; ordered by Service. A Service of the pod's namespace named `kubernetes` hides that one.
 *
 * @param enableServiceLinks spec.enableServiceLinks of the pod; false: only `default/kubernetes`
 */
export function serviceEnvironment(
  pod: Pick<Meta, 'namespace' | 'createdAtMs'>,
  enableServiceLinks: boolean,
  services: readonly ServiceObject[],
): Readonly<Record<string, string>> {
  const told = new Map<string, ServiceObject>();
  for (const service of services) {
    if (firstAddress(service) === undefined || isYounger(service, pod)) continue;
    if (enableServiceLinks && service.namespace === pod.namespace) told.set(service.name, service);
    else if (isMaster(service) && !told.has(service.name)) told.set(service.name, service);
  }
  const sorted = [...told].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.flatMap(([, service]) => variablesOf(service)));
}

function isMaster({ namespace, name }: ServiceObject): boolean {
  return namespace === MASTER.namespace && name === MASTER.name;
}

/** An object without a creation time is the youngest. What was created at once can be seen. */
function isYounger(service: ServiceObject, pod: Pick<Meta, 'createdAtMs'>): boolean {
  if (pod.createdAtMs === null) return false;
  return service.createdAtMs === null || service.createdAtMs > pod.createdAtMs;
}

function firstAddress({ clusterIps }: ServiceObject) {
  return clusterIps === 'headless' ? undefined : clusterIps[0];
}

type Variable = readonly [name: string, value: string];

function variablesOf(service: ServiceObject): readonly Variable[] {
  const prefix = variableName(service.name);
  const [address, [first]] = [firstAddress(service), service.ports];
  if (address === undefined) return [];
  const variables: Variable[] = [[`${prefix}_SERVICE_HOST`, address]];
  // Headless aside, a Service has a port; the API once let it have none.
  if (first === undefined) return variables;
  variables.push([`${prefix}_SERVICE_PORT`, String(first.port)]);
  for (const { name, port } of service.ports)
    if (name !== '') variables.push([`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)]);
  for (const [index, { port, protocol }] of service.ports.entries()) {
    const link = `${prefix}_PORT_${port}_${protocol}`;
    const url = `${protocol.toLowerCase()}://${formatEndpoint(address, port)}`;
    if (index === 0) variables.push([`${prefix}_PORT`, url]);
    variables.push([link, url]);
    variables.push([`${link}_PROTO`, protocol.toLowerCase()]);
    variables.push([`${link}_PORT`, String(port)]);
    variables.push([`${link}_ADDR`, address]);
  }
  return variables;
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
