/** Objects for tests: each function fills what a test does not care about with the API's defaults. */
import type { Address, Prefix } from '../src/model/address.ts';
import type { Port } from '../src/model/names.ts';
import type {
  ClusterNetworkPolicyObject,
  EndpointSliceObject,
  EndpointsObject,
  Meta,
  NamespaceObject,
  NetworkPolicyObject,
  NodeObject,
  PodObject,
  ServiceCidrObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
} from '../src/model/objects.ts';

type Named<Kind extends Meta> = Partial<Kind> & { readonly name: string };

const META: Omit<Meta, 'name'> = {
  namespace: '',
  uid: '',
  labels: {},
  annotations: {},
  createdAtMs: null,
  deleting: false,
};

export function namespaceObject(part: Named<NamespaceObject>): NamespaceObject {
  return { ...META, kind: 'Namespace', ...part };
}

export function nodeObject(part: Named<NodeObject>): NodeObject {
  return { ...META, kind: 'Node', podCidrs: [], addresses: [], ...part };
}

export function podObject(part: Named<PodObject>): PodObject {
  return {
    ...META,
    namespace: 'default',
    kind: 'Pod',
    nodeName: null,
    hostNetwork: false,
    hostname: '',
    subdomain: '',
    phase: 'Running',
    ready: true,
    addresses: [],
    ports: [],
    ...part,
  };
}

export function servicePort(part: Partial<ServicePort>): ServicePort {
  const port = part.port ?? (80 as Port);
  return { name: '', protocol: 'TCP', port, targetPort: port, nodePort: null, ...part };
}

export function serviceObject(part: Named<ServiceObject>): ServiceObject {
  return {
    ...META,
    namespace: 'default',
    kind: 'Service',
    type: 'ClusterIP',
    selector: null,
    clusterIps: [],
    ipFamilies: [],
    ipFamilyPolicy: null,
    ports: [servicePort({})],
    externalIps: [],
    loadBalancerIngress: [],
    loadBalancerSourceRanges: [],
    loadBalancerIp: null,
    loadBalancerClass: null,
    allocateLoadBalancerNodePorts: true,
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    healthCheckNodePort: null,
    publishNotReadyAddresses: false,
    affinitySeconds: null,
    trafficDistribution: null,
    ...part,
  };
}

export function sliceEndpoint(part: Partial<SliceEndpoint> & { readonly address: string }): SliceEndpoint {
  const { address, ...rest } = part;
  return {
    addresses: [address as Address],
    ready: true,
    serving: true,
    terminating: false,
    nodeName: null,
    zone: null,
    hintZones: [],
    hintNodes: [],
    targetPod: null,
    hostname: null,
    ...rest,
  };
}

export function sliceObject(part: Named<EndpointSliceObject>): EndpointSliceObject {
  return {
    ...META,
    namespace: 'default',
    kind: 'EndpointSlice',
    service: null,
    addressType: 'IPv4',
    ports: [],
    endpoints: [],
    ...part,
  };
}

export function endpointsObject(part: Named<EndpointsObject>): EndpointsObject {
  return { ...META, namespace: 'default', kind: 'Endpoints', subsets: [], ...part };
}

export function serviceCidrObject(part: Named<ServiceCidrObject>): ServiceCidrObject {
  return { ...META, kind: 'ServiceCIDR', cidrs: ['10.112.0.0/16' as Prefix], ...part };
}

/** Isolates every pod of its namespace for ingress and lets nothing in, unless told otherwise. */
export function networkPolicyObject(part: Named<NetworkPolicyObject>): NetworkPolicyObject {
  return {
    ...META,
    namespace: 'default',
    kind: 'NetworkPolicy',
    podSelector: [],
    ingress: [],
    egress: null,
    audit: false,
    ...part,
  };
}

/** Of the Admin tier, about every pod, without rules. */
export function clusterNetworkPolicyObject(
  part: Named<ClusterNetworkPolicyObject>,
): ClusterNetworkPolicyObject {
  return {
    ...META,
    kind: 'ClusterNetworkPolicy',
    tier: 'Admin',
    priority: 0,
    subject: { namespaces: [], pods: [] },
    ingress: [],
    egress: [],
    audit: false,
    ...part,
  };
}
