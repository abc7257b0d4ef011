/**
 * Completed objects as Kubernetes JSON, as an API server would hold them: what a manifest says stays, what the control
 * plane chose and the API's defaults are added. Of what an API server keeps for itself there is nothing: no uid,
 * resource version, owner or time that the manifest does not give.
 */
import type {
  NamespaceObject,
  NodeObject,
  ServiceCidrObject,
  ServiceObject,
  WeirObject,
} from '../model/objects.ts';
import { fieldsOf, given, isEmpty, type JsonObject, listOf, metadataOf } from './json-fields.ts';
import { podJson } from './pod-json.ts';
import { endpointsJson, type PodUids, sliceJson } from './slice-json.ts';

/**
 * The completed object over its manifest.
 *
 * @param raw the manifest it was read from; null for one that the control plane made
 * @param pods what references to pods are completed with
 */
export function kubernetesJson(object: WeirObject, raw: JsonObject | null, pods: PodUids): JsonObject {
  const written = raw ?? {};
  switch (object.kind) {
    case 'Namespace':
      return namespaceJson(object, written);
    case 'Node':
      return nodeJson(object, written);
    case 'Pod':
      return podJson(object, written);
    case 'Service':
      return serviceJson(object, written);
    case 'EndpointSlice':
      return sliceJson(object, written, pods);
    case 'ServiceCIDR':
      return serviceCidrJson(object, written);
    case 'Endpoints':
      return endpointsJson(object, written);
    case 'NetworkPolicy':
    case 'ClusterNetworkPolicy':
      return { ...written, metadata: metadataOf(object, written) };
  }
}

function namespaceJson(object: NamespaceObject, raw: JsonObject): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    ...raw,
    metadata: metadataOf(object, raw),
    spec: { finalizers: ['kubernetes'], ...fieldsOf(raw.spec) },
    status: { phase: object.deleting ? 'Terminating' : 'Active', ...fieldsOf(raw.status) },
  };
}

function nodeJson(object: NodeObject, raw: JsonObject): JsonObject {
  const { podCidrs, addresses } = object;
  const [spec, status] = [fieldsOf(raw.spec), fieldsOf(raw.status)];
  // Addresses that Weir does not use, such as Hostname, stay.
  const others = listOf(status.addresses).filter((item) => {
    const { type } = fieldsOf(item);
    return type !== 'InternalIP' && type !== 'ExternalIP';
  });
  const allocatable = isEmpty(fieldsOf(status.capacity)) ? {} : { allocatable: status.capacity };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    ...raw,
    metadata: metadataOf(object, raw),
    spec: podCidrs.length === 0 ? spec : { ...spec, podCIDR: podCidrs[0], podCIDRs: podCidrs },
    status: { ...allocatable, ...given(status), addresses: [...addresses, ...others] },
  };
}

function serviceJson(object: ServiceObject, raw: JsonObject): JsonObject {
  const { sessionAffinityConfig: _, ...spec } = fieldsOf(raw.spec);
  return {
    ...raw,
    metadata: metadataOf(object, raw),
    spec: {
      ...given(spec),
      type: object.type,
      ...(object.ports.length === 0 ? {} : { ports: portsJson(object, spec) }),
      ...clusterIpsJson(object),
      ...affinityJson(object),
      ...policiesJson(object),
    },
    status: { ...given(fieldsOf(raw.status)), loadBalancer: balancerJson(object, raw) },
  };
}

/** Names of load balancers, which Weir does not use, are only in the manifest. */
function balancerJson({ type, loadBalancerIngress }: ServiceObject, raw: JsonObject): JsonObject {
  const balancer = fieldsOf(fieldsOf(raw.status).loadBalancer);
  const written = listOf(balancer.ingress).map((item) => {
    const point = fieldsOf(item);
    return type === 'LoadBalancer' && 'ip' in given(point) ? { ipMode: 'VIP', ...given(point) } : point;
  });
  const chosen = loadBalancerIngress.map(({ address, ipMode }) => ({ ip: address, ipMode }));
  const ingress = written.length > 0 ? written : chosen;
  return ingress.length === 0 ? balancer : { ...balancer, ingress };
}

function portsJson({ ports }: ServiceObject, spec: JsonObject): readonly JsonObject[] {
  const written = listOf(spec.ports);
  return ports.map(({ name, protocol, port, targetPort, nodePort }, index) => ({
    ...given(fieldsOf(written[index])),
    ...(name === '' ? {} : { name }),
    protocol,
    port,
    targetPort,
    ...(nodePort === null ? {} : { nodePort }),
  }));
}

function clusterIpsJson({ type, clusterIps, ipFamilies, ipFamilyPolicy }: ServiceObject): JsonObject {
  if (type === 'ExternalName') return {};
  const texts = clusterIps === 'headless' ? ['None'] : clusterIps;
  return { clusterIP: texts[0], clusterIPs: texts, ipFamilies, ipFamilyPolicy };
}

function affinityJson({ affinitySeconds }: ServiceObject): JsonObject {
  if (affinitySeconds === null) return { sessionAffinity: 'None' };
  return {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: affinitySeconds } },
  };
}

/** Traffic policies and what belongs to load balancers, on the types that have them. */
function policiesJson(service: ServiceObject): JsonObject {
  const { type, externalIps, healthCheckNodePort } = service;
  const { internalTrafficPolicy, externalTrafficPolicy, allocateLoadBalancerNodePorts } = service;
  const isExternal =
    type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIps.length > 0);
  return {
    ...(type === 'ExternalName' ? {} : { internalTrafficPolicy }),
    ...(isExternal ? { externalTrafficPolicy } : {}),
    ...(type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts } : {}),
    ...(healthCheckNodePort === null ? {} : { healthCheckNodePort }),
  };
}

/** Ready as the API server's controller tells it: no cluster IP is chosen from networks that are being deleted. */
function serviceCidrJson(object: ServiceCidrObject, raw: JsonObject): JsonObject {
  const ready = object.deleting
    ? { type: 'Ready', status: 'False', reason: 'Terminating', message: 'it is being deleted' }
    : { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    ...raw,
    metadata: metadataOf(object, raw),
    spec: { ...fieldsOf(raw.spec), cidrs: object.cidrs },
    status: { conditions: [ready], ...given(fieldsOf(raw.status)) },
  };
}
