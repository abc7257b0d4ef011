/**
 * Kubernetes objects, trimmed to the fields Weir uses and already valid: what a parser in `source/` refuses never
 * becomes one of these. All are readonly data. Optional Kubernetes fields are present here with their default.
 */
import type { Address, Family, Prefix } from './address.ts';
import type { NodeName, ObjectName, Port, Protocol } from './names.ts';
import type { LabelSelector, PodSelection, PolicyRule } from './policy.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Meta {
  /** `''` for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** creationTimestamp in milliseconds since the epoch; null where the manifest has none (then it is youngest). */
  readonly createdAtMs: number | null;
  /** deletionTimestamp is set. */
  readonly deleting: boolean;
}

export interface NamespaceObject extends Meta {
  readonly kind: 'Namespace';
}

export interface NodeObject extends Meta {
  readonly kind: 'Node';
  readonly podCidrs: readonly Prefix[];
  /** spec.unschedulable; absent is false. Only the standalone control plane asks. */
  readonly unschedulable?: true;
  /** spec.taints has the cluster autoscaler's: the node is about to be deleted; absent is not. Only /healthz asks. */
  readonly leaving?: true;
  /** status.allocatable.cpu (else capacity's) in thousandths of a CPU; absent where not told. Only for topology hints. */
  readonly cpuMillis?: number;
  /** The condition Ready is there and not True; absent is ready. Only for topology hints. */
  readonly notReady?: true;
  /** status.addresses of type InternalIP and ExternalIP, in order. */
  readonly addresses: readonly { readonly type: 'InternalIP' | 'ExternalIP'; readonly address: Address }[];
}

export interface ContainerPort {
  readonly name: string;
  readonly port: Port;
  readonly protocol: Protocol;
  /** null: not exposed on the node. */
  readonly hostPort: Port | null;
  /** null: every address of the node. */
  readonly hostIp: Address | null;
}

export interface PodObject extends Meta {
  readonly kind: 'Pod';
  /** null: not scheduled yet. */
  readonly nodeName: NodeName | null;
  readonly hostNetwork: boolean;
  readonly hostname: string;
  readonly subdomain: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly ready: boolean;
  /**
   * lastTransitionTime of the condition Ready, in milliseconds since the epoch; absent where not told. Only the
   * standalone control plane asks.
   */
  readonly readyChangedAtMs?: number;
  /** status.podIPs, at most one of each family. */
  readonly addresses: readonly Address[];
  readonly ports: readonly ContainerPort[];
}

export type TrafficPolicy = 'Cluster' | 'Local';

export interface ServicePort {
  readonly name: string;
  readonly protocol: Protocol;
  /** Absent where not given. No effect on packets: slices carry it on. */
  readonly appProtocol?: string;
  readonly port: Port;
  /** Number or container-port name. */
  readonly targetPort: Port | string;
  readonly nodePort: Port | null;
}

export interface ServiceObject extends Meta {
  readonly kind: 'Service';
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** null: no selector, slices are made by hand. */
  readonly selector: Labels | null;
  /** `headless`: clusterIP None. Empty: not allocated yet. */
  readonly clusterIps: readonly Address[] | 'headless';
  readonly ipFamilies: readonly Family[];
  /** null: not given (then SingleStack applies). */
  readonly ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack' | null;
  readonly ports: readonly ServicePort[];
  readonly externalIps: readonly Address[];
  /** status.loadBalancer.ingress with an address; ipMode VIP is the default. */
  readonly loadBalancerIngress: readonly { readonly address: Address; readonly ipMode: 'VIP' | 'Proxy' }[];
  readonly loadBalancerSourceRanges: readonly Prefix[];
  readonly loadBalancerIp: Address | null;
  readonly loadBalancerClass: string | null;
  readonly allocateLoadBalancerNodePorts: boolean;
  readonly externalTrafficPolicy: TrafficPolicy;
  readonly internalTrafficPolicy: TrafficPolicy;
  readonly healthCheckNodePort: Port | null;
  readonly publishNotReadyAddresses: boolean;
  /** Idle seconds (1–86400) after which a client may be given another endpoint; null: no affinity. */
  readonly affinitySeconds: number | null;
  readonly trafficDistribution: 'PreferSameZone' | 'PreferClose' | 'PreferSameNode' | null;
}

export interface SliceEndpoint {
  readonly addresses: readonly Address[];
  /** conditions, with the API's defaults: nil ready → true, nil serving → ready, nil terminating → false. */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName: NodeName | null;
  readonly zone: string | null;
  readonly hintZones: readonly string[];
  readonly hintNodes: readonly NodeName[];
  readonly targetPod: ObjectName | null;
  readonly hostname: string | null;
}

/** A port of endpoints. */
export interface EndpointPort {
  readonly name: string;
  readonly protocol: Protocol;
  /** Absent where not given. No effect on packets. */
  readonly appProtocol?: string;
  readonly port: Port;
}

export interface EndpointSliceObject extends Meta {
  readonly kind: 'EndpointSlice';
  /** `namespace/name` of the Service (label kubernetes.io/service-name); null: belongs to none. */
  readonly service: ObjectName | null;
  /** FQDN slices are kept so that they can be reported, never programmed. */
  readonly addressType: Family | 'FQDN';
  /** `port: null` means every port (port numbers are then not used by Services). */
  readonly ports: readonly (Omit<EndpointPort, 'port'> & { readonly port: Port | null })[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** core/v1 Endpoints; the standalone control plane mirrors it into slices, nothing else reads it. */
export interface EndpointsObject extends Meta {
  readonly kind: 'Endpoints';
  readonly subsets: readonly {
    readonly addresses: readonly EndpointsAddress[];
    readonly notReadyAddresses: readonly EndpointsAddress[];
    readonly ports: readonly EndpointPort[];
  }[];
}

export interface EndpointsAddress {
  readonly address: Address;
  readonly nodeName: NodeName | null;
  readonly targetPod: ObjectName | null;
  readonly hostname: string | null;
}

/** networking.k8s.io/v1 ServiceCIDR: networks that cluster IPs are chosen from, beside the configured ones. */
export interface ServiceCidrObject extends Meta {
  readonly kind: 'ServiceCIDR';
  /** spec.cidrs: one, or one of each family. */
  readonly cidrs: readonly Prefix[];
}

/** networking.k8s.io/v1 NetworkPolicy. Its rules all Accept. */
export interface NetworkPolicyObject extends Meta {
  readonly kind: 'NetworkPolicy';
  /** Pods of its namespace that it applies to. */
  readonly podSelector: LabelSelector;
  /** null: it does not isolate in this direction. Empty: it lets nothing in (out). */
  readonly ingress: readonly PolicyRule[] | null;
  readonly egress: readonly PolicyRule[] | null;
  /** Annotation weir.dev/audit: what it would deny is told and passes (C29). */
  readonly audit: boolean;
}

/** policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy. */
export interface ClusterNetworkPolicyObject extends Meta {
  readonly kind: 'ClusterNetworkPolicy';
  readonly tier: 'Admin' | 'Baseline';
  /** 0–1000; lower comes first. */
  readonly priority: number;
  readonly subject: PodSelection;
  /** The first rule that matches counts. */
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
  /** As in NetworkPolicyObject. */
  readonly audit: boolean;
}

export type PolicyObject = NetworkPolicyObject | ClusterNetworkPolicyObject;

export type WeirObject =
  | NamespaceObject
  | NodeObject
  | PodObject
  | ServiceObject
  | EndpointSliceObject
  | EndpointsObject
  | ServiceCidrObject
  | PolicyObject;

export type ObjectKind = WeirObject['kind'];

/** Points at an object, whether or not it exists. */
export interface ObjectReference {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a source tells: an object in its new state, or that it is gone. */
export type ObjectChange =
  | { readonly type: 'set'; readonly object: WeirObject }
  | { readonly type: 'delete'; readonly kind: ObjectKind; readonly namespace: string; readonly name: string };

/**
 * Something wrong with the input: one clear line for a person, a Kubernetes Event, a `status` entry. `severity: error`
 * means that (part of) the object is not in effect; `warning` that it is, but probably not as meant.
 */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly object: ObjectReference;
  /** Path below the object, e.g. `spec.ports[0].nodePort`; `''` for the whole. */
  readonly field: string;
  /** CamelCase reason as Kubernetes Events have it, e.g. `DuplicateFrontend`. */
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
  /** File the object came from; null for an API server. */
  readonly file: string | null;
}
