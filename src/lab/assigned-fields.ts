/** Fields that a control plane fills in: written into manifests where these leave them out, never over what they say. */
import type { NodeObject, PodObject, ServiceObject, WeirObject } from '../model/objects.ts';

export type RawObject = Readonly<Record<string, unknown>>;

/** The manifest with the addresses, node and ports that `object` has and the manifest does not give. */
export function withAssigned(raw: RawObject, object: WeirObject): RawObject {
  if (object.kind === 'Node') return nodeWithAssigned(raw, object);
  if (object.kind === 'Pod') return podWithAssigned(raw, object);
  if (object.kind === 'Service') return serviceWithAssigned(raw, object);
  return raw;
}

/**
 * The manifest with what its predecessor was assigned, as far as that still fits: a pod that moves gets new addresses,
 * a Service that changes its families or type gets new cluster IPs.
 */
export function inherited(raw: RawObject, previousRaw: RawObject, previous: WeirObject): RawObject {
  const [spec, previousSpec] = [fieldsOf(raw.spec), fieldsOf(previousRaw.spec)];
  const same = (name: string) => JSON.stringify(spec[name]) === JSON.stringify(previousSpec[name]);
  if (previous.kind === 'Pod') {
    const moved = isGiven(spec.nodeName) && spec.nodeName !== previous.nodeName;
    const networkChanged = (spec.hostNetwork === true) !== previous.hostNetwork;
    return moved || networkChanged ? raw : withAssigned(raw, previous);
  }
  if (previous.kind === 'Service') {
    const fits = ['type', 'clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'].every(same);
    return fits ? withAssigned(raw, previous) : raw;
  }
  return withAssigned(raw, previous);
}

function nodeWithAssigned(raw: RawObject, { podCidrs, addresses }: NodeObject): RawObject {
  const [spec, status] = [fieldsOf(raw.spec), fieldsOf(raw.status)];
  const hasCidrs = isGiven(spec.podCIDR) || isGiven(spec.podCIDRs);
  const hasAddresses = Array.isArray(status.addresses) && status.addresses.some(isIpAddress);
  return {
    ...raw,
    spec: hasCidrs || podCidrs.length === 0 ? spec : { ...spec, podCIDR: podCidrs[0], podCIDRs: podCidrs },
    status: hasAddresses || addresses.length === 0 ? status : { ...status, addresses },
  };
}

function podWithAssigned(raw: RawObject, { nodeName, addresses }: PodObject): RawObject {
  const [spec, status] = [fieldsOf(raw.spec), fieldsOf(raw.status)];
  const hasAddresses = isGiven(status.podIP) || isGiven(status.podIPs);
  const podIPs = addresses.map((ip) => ({ ip }));
  return {
    ...raw,
    spec: isGiven(spec.nodeName) || nodeName === null ? spec : { ...spec, nodeName },
    status: hasAddresses || podIPs.length === 0 ? status : { ...status, podIP: addresses[0], podIPs },
  };
}

function serviceWithAssigned(raw: RawObject, service: ServiceObject): RawObject {
  const { clusterIps, healthCheckNodePort, ipFamilies, ipFamilyPolicy } = service;
  const spec: Record<string, unknown> = { ...fieldsOf(raw.spec) };
  // Who names the first one may have been given a second.
  const hasMore = clusterIps !== 'headless' && clusterIps.length > givenClusterIps(spec);
  if (hasMore && service.type !== 'ExternalName') {
    spec.clusterIP = clusterIps[0];
    spec.clusterIPs = clusterIps;
    if (!isGiven(spec.ipFamilies) && ipFamilies.length === clusterIps.length) spec.ipFamilies = ipFamilies;
  }
  if (!isGiven(spec.ipFamilyPolicy) && ipFamilyPolicy !== null) spec.ipFamilyPolicy = ipFamilyPolicy;
  if (!isGiven(spec.healthCheckNodePort) && healthCheckNodePort !== null)
    spec.healthCheckNodePort = healthCheckNodePort;
  if (Array.isArray(spec.ports)) spec.ports = spec.ports.map((port) => portWithAssigned(port, service));
  return { ...raw, spec };
}

/** How many the manifest names. */
function givenClusterIps({ clusterIP, clusterIPs }: RawObject): number {
  return Array.isArray(clusterIPs) && clusterIPs.length > 0 ? clusterIPs.length : Number(isGiven(clusterIP));
}

/** The manifest of a Service with the load-balancer addresses that it was given, where it names none. */
export function withIngress(raw: RawObject, { type, loadBalancerIngress }: ServiceObject): RawObject {
  const status = fieldsOf(raw.status);
  const balancer = fieldsOf(status.loadBalancer);
  const isSettled = type !== 'LoadBalancer' || loadBalancerIngress.length === 0 || isGiven(balancer.ingress);
  if (isSettled) return raw;
  const ingress = loadBalancerIngress.map(({ address, ipMode }) => ({ ip: address, ipMode }));
  return { ...raw, status: { ...status, loadBalancer: { ...balancer, ingress } } };
}

function portWithAssigned(raw: unknown, service: ServiceObject): unknown {
  const fields = fieldsOf(raw);
  if (isGiven(fields.nodePort)) return raw;
  const protocol = fields.protocol ?? 'TCP';
  const port = service.ports.find((each) => each.port === fields.port && each.protocol === protocol);
  return port === undefined || port.nodePort === null ? raw : { ...fields, nodePort: port.nodePort };
}

function isIpAddress(value: unknown): boolean {
  const { type } = fieldsOf(value);
  return type === 'InternalIP' || type === 'ExternalIP';
}

function fieldsOf(value: unknown): RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RawObject) : {};
}

// Empty text, list and 0 mean "not given" to the API server too.
function isGiven(value: unknown): boolean {
  return !(value === undefined || value === null || value === '' || value === 0) && !isEmptyList(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
