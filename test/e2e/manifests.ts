/** Manifests as a person would write them, shortened. Every function returns plain Kubernetes JSON. */
export type Manifest = Readonly<Record<string, unknown>> & { readonly kind: string };

interface NodeOptions {
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export function node(name: string, { zone, labels = {} }: NodeOptions = {}): Manifest {
  const zoneLabel = zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { ...zoneLabel, ...labels } } };
}

/** `protocol` defaults to TCP; `hostPort` and the rest of a containerPort may be added. */
export interface PodPort {
  readonly containerPort: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly name?: string;
  readonly hostPort?: number;
  readonly hostIP?: string;
}

interface PodOptions {
  readonly namespace?: string;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly PodPort[];
  readonly ready?: boolean;
  readonly hostNetwork?: boolean;
  /** Fields of metadata, such as deletionTimestamp. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A pod with the label `app: NAME` unless told otherwise. */
export function pod(name: string, options: PodOptions = {}): Manifest {
  const { namespace = 'default', labels = { app: name }, ports = [{ containerPort: 8080 }] } = options;
  const conditions = [{ type: 'Ready', status: options.ready === false ? 'False' : 'True' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, ...options.metadata },
    spec: {
      ...(options.node === undefined ? {} : { nodeName: options.node }),
      ...(options.hostNetwork === true ? { hostNetwork: true } : {}),
      containers: [{ name: 'main', image: 'example', ports }],
    },
    status: { phase: 'Running', conditions },
  };
}

/** A pod that only asks. */
export function client(name: string, onNode: string): Manifest {
  return pod(name, { node: onNode, ports: [] });
}

export const DUAL_STACK = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] } as const;

/** A dual-stack Service for the pods labelled `app: NAME`, port 80 → 8080, unless `spec` says otherwise. */
export function service(
  name: string,
  spec: Readonly<Record<string, unknown>> = {},
  more: { readonly metadata?: Readonly<Record<string, unknown>>; readonly status?: unknown } = {},
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', ...more.metadata },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...DUAL_STACK, ...spec },
    ...(more.status === undefined ? {} : { status: more.status }),
  };
}

/** status.loadBalancer with these addresses. */
export function ingress(...addresses: readonly string[]): unknown {
  return { loadBalancer: { ingress: addresses.map((ip) => ({ ip, ipMode: 'VIP' })) } };
}

interface SliceOptions {
  readonly name?: string;
  readonly addressType?: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[];
}

/** A hand-made slice of the Service. Endpoints are EndpointSlice endpoints as the API has them. */
export function slice(
  serviceName: string,
  endpoints: readonly Readonly<Record<string, unknown>>[],
  { name = `${serviceName}-by-hand`, addressType = 'IPv4', ports = [{ port: 8080 }] }: SliceOptions = {},
): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': serviceName } },
    addressType,
    ports: ports.map((port) => ({ name: '', protocol: 'TCP', ...port })),
    endpoints,
  };
}
