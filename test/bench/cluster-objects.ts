/** A cluster shape as the objects that Weir is given: model objects, or manifests of the same content. */
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { type NodeName, objectName, type Port } from '../../src/model/names.ts';
import type {
  EndpointSliceObject,
  Meta,
  NodeObject,
  ObjectChange,
  PodObject,
  ServiceObject,
  SliceEndpoint,
  WeirObject,
} from '../../src/model/objects.ts';
import { COMPILE_DEFAULTS } from '../compile-options.ts';
import * as testObjects from '../objects.ts';
import {
  CLUSTER_CIDR,
  type ClusterShape,
  endpointsOf,
  LASTING_PORT,
  NODE,
  NODE_ADDRESS,
  POD_CIDR,
  REMOTE_NODES,
  remoteNode,
  SERVICE_CIDR,
  SERVICE_PORT,
  serviceAddress,
  targetIndex,
} from './cluster-shape.ts';

const NAMESPACE = 'bench';

/** kube-proxy's usual settings for the node under test. */
export const COMPILE_OPTIONS: CompileOptions = {
  ...COMPILE_DEFAULTS,
  node: NODE as NodeName,
  clusterCidrs: [prefix(CLUSTER_CIDR)],
  detectLocalMode: 'ClusterCIDR',
  serviceCidrs: [prefix(SERVICE_CIDR)],
};

/** Everything there is, as a source's first batch. `localPods` live on the node under test. */
export function clusterChanges(shape: ClusterShape, localPods: readonly string[]): ObjectChange[] {
  const indexes = Array.from({ length: shape.services }, (_, index) => index);
  const objects: WeirObject[] = [
    { ...meta('', NAMESPACE), kind: 'Namespace' },
    nodeObject(NODE, NODE_ADDRESS, [prefix(POD_CIDR)]),
    ...REMOTE_NODES.map((node) => nodeObject(node.name, node.address, [])),
    ...localPods.map(podObject),
    ...indexes.map(serviceObject),
    ...indexes.map((index) => sliceObject(shape, index)),
  ];
  return objects.map((object) => ({ type: 'set', object }));
}

/**
 * One Service more, whose only endpoint is the target pod's other server: for connections that last and for datagrams. No
 * peer is given it.
 */
export function lastingService(shape: ClusterShape): ObjectChange[] {
  const name = 'lasting';
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({ name: protocol.toLowerCase(), protocol }));
  const service: ServiceObject = {
    ...serviceObject(shape.services),
    ...meta(NAMESPACE, name),
    ports: ports.map((port) => testObjects.servicePort({ ...port, port: SERVICE_PORT as Port })),
  };
  const slice: EndpointSliceObject = {
    ...sliceObject(shape, targetIndex(shape)),
    ...meta(NAMESPACE, `${name}-slice`),
    labels: { 'kubernetes.io/service-name': name },
    service: objectName(NAMESPACE, name),
    ports: ports.map((port) => ({ ...port, port: LASTING_PORT as Port })),
  };
  return [service, slice].map((object) => ({ type: 'set', object }));
}

/**
 * The slice of Service `index`; `absent` endpoints from its start are missing, as when a pod has just gone. With none
 * absent it is the slice that `clusterChanges` holds.
 */
export function sliceObject(shape: ClusterShape, index: number, absent = 0): EndpointSliceObject {
  return {
    ...meta(NAMESPACE, `service-${index}-slice`),
    labels: { 'kubernetes.io/service-name': `service-${index}` },
    kind: 'EndpointSlice',
    service: objectName(NAMESPACE, `service-${index}`),
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: (endpointsOf(shape, index)[0]?.port ?? 1) as Port }],
    endpoints: endpointsOf(shape, index)
      .map(({ address }, endpoint) => sliceEndpoint(address, nodeOfEndpoint(shape, index, endpoint)))
      .slice(absent),
  };
}

/** The node that an endpoint is on: the target's pod is local, all others are elsewhere. */
export function nodeOfEndpoint(shape: ClusterShape, index: number, endpoint: number): string {
  return shape.target !== null && index === targetIndex(shape) ? NODE : remoteNode(endpoint);
}

function serviceObject(index: number): ServiceObject {
  return testObjects.serviceObject({
    ...meta(NAMESPACE, `service-${index}`),
    clusterIps: [address(serviceAddress(index))],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [testObjects.servicePort({ port: SERVICE_PORT as Port })],
  });
}

function sliceEndpoint(text: string, node: string): SliceEndpoint {
  return testObjects.sliceEndpoint({ address: address(text), nodeName: node as NodeName });
}

function nodeObject(name: string, text: string, podCidrs: readonly Prefix[]): NodeObject {
  return {
    ...meta('', name),
    kind: 'Node',
    podCidrs,
    addresses: [{ type: 'InternalIP', address: address(text) }],
  };
}

function podObject(text: string, index: number): PodObject {
  return testObjects.podObject({
    ...meta(NAMESPACE, `pod-${index}`),
    nodeName: NODE as NodeName,
    addresses: [address(text)],
  });
}

function meta(namespace: string, name: string): Meta {
  return {
    namespace,
    name,
    uid: `${namespace}/${name}`,
    labels: {},
    annotations: {},
    createdAtMs: 0,
    deleting: false,
  };
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`the benchmark made up an address that is none: ${text}`);
  return parsed;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`the benchmark made up a prefix that is none: ${text}`);
  return parsed;
}
