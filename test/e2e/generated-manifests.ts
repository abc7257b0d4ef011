/** The random clusters of the oracle as manifests of a lab: every pod also serves the ports that the slices name. */
import fc from 'fast-check';
import type { Address } from '../../src/model/address.ts';
import { type ObjectName, PROTOCOLS } from '../../src/model/names.ts';
import type {
  EndpointSliceObject,
  Meta,
  NodeObject,
  PodObject,
  ServiceObject,
  WeirObject,
} from '../../src/model/objects.ts';
import { clusters } from '../oracle/generators.ts';
import type { Manifest } from './manifests.ts';

/** Ports of the generated slices. */
const SERVED = [8080, 8081];

/** The cluster of this seed: with two nodes or more, and without two pods that would listen at one node's ports. */
export function generatedCluster(seed: number): readonly Manifest[] {
  const [objects = []] = fc.sample(clusters.filter(isPlayable), { seed, numRuns: 1 });
  const owned = new Set(objects.flatMap((object) => (object.kind === 'Pod' ? object.addresses : [])));
  return objects.map((object) => manifestOf(object, owned));
}

function isPlayable(objects: readonly WeirObject[]): boolean {
  const hostPods = objects.filter((object) => object.kind === 'Pod' && object.hostNetwork);
  const places = hostPods.map((object) => (object.kind === 'Pod' ? object.nodeName : null));
  const nodes = objects.filter((object) => object.kind === 'Node');
  return new Set(places).size === places.length && nodes.length > 1;
}

function manifestOf(object: WeirObject, podAddresses: ReadonlySet<Address>): Manifest {
  switch (object.kind) {
    case 'Node':
      return nodeManifest(object);
    case 'Pod':
      return podManifest(object);
    case 'Service':
      return serviceManifest(object);
    case 'EndpointSlice':
      return sliceManifest(object, podAddresses);
    default:
      throw new TypeError(`${object.kind} is not generated`);
  }
}

function metadata({ namespace, name, labels, annotations, createdAtMs }: Meta) {
  return {
    name,
    labels,
    annotations,
    ...(namespace === '' ? {} : { namespace }),
    ...(createdAtMs === null ? {} : { creationTimestamp: new Date(createdAtMs).toISOString() }),
  };
}

function nodeManifest(node: NodeObject): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(node),
    spec: { podCIDRs: node.podCidrs },
    status: { addresses: node.addresses },
  };
}

function podManifest(pod: PodObject): Manifest {
  const listening = SERVED.flatMap((containerPort) =>
    PROTOCOLS.map((protocol) => ({ containerPort, protocol })),
  );
  const forwarded = pod.ports.map(({ name, port, protocol, hostPort, hostIp }) => ({
    name,
    containerPort: port,
    protocol,
    ...(pod.hostNetwork ? {} : { hostPort }),
    ...(hostIp === null ? {} : { hostIP: hostIp }),
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(pod),
    spec: {
      nodeName: pod.nodeName,
      hostNetwork: pod.hostNetwork,
      containers: [{ name: 'main', image: 'example', ports: [...forwarded, ...listening] }],
    },
    status: {
      phase: pod.phase,
      podIPs: pod.addresses.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

function serviceManifest(service: ServiceObject): Manifest {
  const isName = service.type === 'ExternalName';
  const clusterIPs = service.clusterIps === 'headless' ? ['None'] : service.clusterIps;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(service),
    spec: {
      type: service.type,
      ...(isName ? { externalName: 'example.com' } : { clusterIP: clusterIPs[0], clusterIPs }),
      ...(isName ? {} : { ipFamilies: service.ipFamilies, ipFamilyPolicy: 'PreferDualStack' }),
      ports: service.ports,
      externalIPs: service.externalIps,
      ...(service.type === 'LoadBalancer'
        ? { loadBalancerSourceRanges: service.loadBalancerSourceRanges }
        : {}),
      ...(isReachedFromOutside(service) ? { externalTrafficPolicy: service.externalTrafficPolicy } : {}),
      internalTrafficPolicy: service.internalTrafficPolicy,
      ...(service.affinitySeconds === null ? {} : { sessionAffinity: 'ClientIP' }),
    },
    status: {
      loadBalancer: {
        ingress: service.loadBalancerIngress.map(({ address, ipMode }) => ({ ip: address, ipMode })),
      },
    },
  };
}

function isReachedFromOutside({ type, externalIps }: ServiceObject): boolean {
  return type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIps.length > 0);
}

function podReference(pod: ObjectName) {
  const [namespace, name] = pod.split('/');
  return { kind: 'Pod', namespace, name };
}

/** A server outside the cluster is on no node, whatever the generated slice says: no packet could prove it right. */
function sliceManifest(slice: EndpointSliceObject, podAddresses: ReadonlySet<Address>): Manifest {
  const service = slice.labels['kubernetes.io/service-name'];
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata(slice), labels: { 'kubernetes.io/service-name': service } },
    addressType: slice.addressType,
    ports: slice.ports,
    endpoints: slice.endpoints.map((each) => ({
      addresses: each.addresses,
      conditions: { ready: each.ready, serving: each.serving, terminating: each.terminating },
      ...(each.addresses.some((address) => podAddresses.has(address)) ? { nodeName: each.nodeName } : {}),
      ...(each.targetPod === null ? {} : { targetRef: podReference(each.targetPod) }),
      hints: {
        forZones: each.hintZones.map((name) => ({ name })),
        forNodes: each.hintNodes.map((name) => ({ name })),
      },
    })),
  };
}
