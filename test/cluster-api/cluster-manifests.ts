/** A cluster as an API server holds it: every address, port and slice is there, so that a folder of it means the same. */
import type { Manifest } from '../e2e/manifests.ts';

type Fields = Readonly<Record<string, unknown>>;

/** `index` 1 or 2 chooses the addresses: 172.31.0.INDEX, 10.244.INDEX.0/24 and the same of IPv6. */
export function wholeNode(name: string, index: number): Manifest {
  const podCIDRs = [`10.244.${index}.0/24`, `fd44:${index}::/64`];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': `zone-${index}` } },
    spec: { podCIDR: podCIDRs[0], podCIDRs },
    status: {
      addresses: [`172.31.0.${index}`, `fd31::${index}`].map((address) => ({ type: 'InternalIP', address })),
    },
  };
}

/** A running pod on the node with this index; `host` is the last part of its addresses. */
export function wholePod(name: string, node: string, index: number, host: number): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name.split('-')[0] } },
    spec: {
      nodeName: node,
      containers: [{ name: 'main', image: 'example', ports: [{ containerPort: 8080 }] }],
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      podIP: `10.244.${index}.${host}`,
      podIPs: [{ ip: `10.244.${index}.${host}` }, { ip: `fd44:${index}::${host}` }],
    },
  };
}

/** A dual-stack Service on 10.96.1.HOST, port 80 → 8080. */
export function wholeService(name: string, host: number, spec: Fields = {}): Manifest {
  const clusterIPs = [`10.96.1.${host}`, `fd96::1:${host}`];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      type: 'ClusterIP',
      selector: { app: name },
      clusterIP: clusterIPs[0],
      clusterIPs,
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
      ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
  };
}

/** The slice of one family that the endpoint-slice controller makes of these pods. */
export function wholeSlice(service: string, family: 4 | 6, pods: readonly Manifest[]): Manifest {
  const endpoints = pods.map((pod) => {
    const { name } = pod.metadata as { readonly name: string };
    const { nodeName } = pod.spec as { readonly nodeName: string };
    const { podIPs } = pod.status as { readonly podIPs: readonly { readonly ip: string }[] };
    return {
      addresses: podIPs.map(({ ip }) => ip).filter((ip) => ip.includes(':') === (family === 6)),
      conditions: { ready: true, serving: true, terminating: false },
      nodeName,
      targetRef: { kind: 'Pod', namespace: 'default', name },
    };
  });
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-ipv${family}`,
      namespace: 'default',
      labels: {
        'kubernetes.io/service-name': service,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    addressType: `IPv${family}`,
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints,
  };
}

/** Both slices of the Service. */
export function wholeSlices(service: string, pods: readonly Manifest[]): readonly Manifest[] {
  return [wholeSlice(service, 4, pods), wholeSlice(service, 6, pods)];
}
