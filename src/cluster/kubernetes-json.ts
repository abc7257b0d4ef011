/**
 * Completed objects as Kubernetes JSON, as an API server would hold them: what a manifest says stays, what the control
 * plane chose and the API's defaults are added. Of what an API server keeps for itself there is nothing: no uid,
 * resource version, owner or time that the manifest does not give.
 */
import type {
  EndpointSliceObject,
  Meta,
  NamespaceObject,
  NodeObject,
  PodObject,
  ServiceCidrObject,
  ServiceObject,
  SliceEndpoint,
  WeirObject,
} from '../model/objects.ts';

/** Kubernetes JSON of one object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The completed object over its manifest.
 *
 * @param raw the manifest it was read from; null for one that the control plane made
 */
export function kubernetesJson(object: WeirObject, raw: JsonObject | null): JsonObject {
  const given = raw ?? {};
  switch (object.kind) {
    case 'Namespace':
      return namespaceJson(object, given);
    case 'Node':
      return nodeJson(object, given);
    case 'Pod':
      return podJson(object, given);
    case 'Service':
      return serviceJson(object, given);
    case 'EndpointSlice':
      return raw === null ? sliceJson(object) : { ...raw, metadata: metadataOf(object, raw) };
    case 'ServiceCIDR':
      return serviceCidrJson(object, given);
    case 'Endpoints':
    case 'NetworkPolicy':
    case 'ClusterNetworkPolicy':
      return { ...given, metadata: metadataOf(object, given) };
  }
}

function metadataOf({ namespace, name, labels, annotations }: Meta, raw: JsonObject): JsonObject {
  return {
    ...fieldsOf(raw.metadata),
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(isEmpty(labels) ? {} : { labels }),
    ...(isEmpty(annotations) ? {} : { annotations }),
  };
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
  return {
    apiVersion: 'v1',
    kind: 'Node',
    ...raw,
    metadata: metadataOf(object, raw),
    spec: podCidrs.length === 0 ? spec : { ...spec, podCIDR: podCidrs[0], podCIDRs: podCidrs },
    status: { ...status, addresses: [...addresses, ...others] },
  };
}

function podJson(object: PodObject, raw: JsonObject): JsonObject {
  const { nodeName, addresses, phase, ready } = object;
  const [spec, status] = [fieldsOf(raw.spec), fieldsOf(raw.status)];
  return {
    ...raw,
    metadata: metadataOf(object, raw),
    spec: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      ...given(spec),
      ...(nodeName === null ? {} : { nodeName }),
      ...containersJson(spec, 'initContainers'),
      ...containersJson(spec, 'containers'),
    },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      ...given(status),
      phase,
      ...(addresses.length === 0 ? {} : { podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) }),
    },
  };
}

function containersJson(spec: JsonObject, field: 'containers' | 'initContainers'): JsonObject {
  if (!Array.isArray(spec[field])) return {};
  const containers = listOf(spec[field]).map((item) => {
    const container = fieldsOf(item);
    if (!Array.isArray(container.ports)) return container;
    const ports = listOf(container.ports).map((port) => ({ protocol: 'TCP', ...given(fieldsOf(port)) }));
    return { ...container, ports };
  });
  return { [field]: containers };
}

function serviceJson(object: ServiceObject, raw: JsonObject): JsonObject {
  const spec = fieldsOf(raw.spec);
  const ingress = object.loadBalancerIngress.map(({ address, ipMode }) => ({ ip: address, ipMode }));
  const status = given(fieldsOf(raw.status));
  const balancer = fieldsOf(status.loadBalancer);
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
    status: {
      ...status,
      // Names of load balancers, which Weir does not use, are only in the manifest.
      loadBalancer:
        ingress.length === 0 || listOf(balancer.ingress).length > 0 ? balancer : { ...balancer, ingress },
    },
  };
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
  const isExternal = type === 'NodePort' || type === 'LoadBalancer' || externalIps.length > 0;
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

function sliceJson(slice: EndpointSliceObject): JsonObject {
  const { addressType, ports, endpoints } = slice;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadataOf(slice, {}),
    addressType,
    ports,
    endpoints: endpoints.map(endpointJson),
  };
}

function endpointJson(endpoint: SliceEndpoint): JsonObject {
  const { addresses, ready, serving, terminating, hostname, nodeName, zone, targetPod } = endpoint;
  const [forZones, forNodes] = [endpoint.hintZones, endpoint.hintNodes].map((names) =>
    names.map((name) => ({ name })),
  );
  const hints = {
    ...(endpoint.hintZones.length === 0 ? {} : { forZones }),
    ...(endpoint.hintNodes.length === 0 ? {} : { forNodes }),
  };
  const [namespace, name] = targetPod?.split('/') ?? [];
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname === null ? {} : { hostname }),
    ...(targetPod === null ? {} : { targetRef: { kind: 'Pod', namespace, name } }),
    ...(nodeName === null ? {} : { nodeName }),
    ...(zone === null ? {} : { zone }),
    ...(isEmpty(hints) ? {} : { hints }),
  };
}

/** Without fields that are null or empty text: to the API server these are not given, so defaults apply. */
function given(fields: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== ''),
  );
}

function fieldsOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isEmpty(record: JsonObject): boolean {
  return Object.keys(record).length === 0;
}
