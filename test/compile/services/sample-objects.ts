/** The objects of one small shop on node `here`: a test says only what matters to it. */

import {
  type Address,
  type Family,
  type Prefix,
  parseAddress,
  parsePrefix,
} from '../../../src/model/address.ts';
import type { CompileOptions } from '../../../src/model/compile-options.ts';
import { type NodeName, objectName, type Port } from '../../../src/model/names.ts';
import type {
  ContainerPort,
  EndpointSliceObject,
  NodeObject,
  PodObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
} from '../../../src/model/objects.ts';
import { COMPILE_DEFAULTS } from '../../compile-options.ts';
import {
  servicePort as anyServicePort,
  nodeObject,
  podObject,
  serviceObject,
  sliceEndpoint,
  sliceObject,
} from '../../objects.ts';

export function ip(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

export function cidr(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`not a prefix: ${text}`);
  return prefix;
}

export const HERE = 'here' as NodeName;
export const ELSEWHERE = 'elsewhere' as NodeName;

export function defaultOptions(changes: Partial<CompileOptions> = {}): CompileOptions {
  return { ...COMPILE_DEFAULTS, node: HERE, ...changes };
}

export function node(name: NodeName, changes: Partial<NodeObject> = {}): NodeObject {
  return nodeObject({ name, ...changes });
}

export function internal(...texts: readonly string[]): NodeObject['addresses'] {
  return texts.map((text) => ({ type: 'InternalIP' as const, address: ip(text) }));
}

export function zoneLabel(zone: string): NodeObject['labels'] {
  return { 'topology.kubernetes.io/zone': zone };
}

export function pod(name: string, addresses: readonly string[], changes: Partial<PodObject> = {}): PodObject {
  return podObject({ name, namespace: 'shop', nodeName: HERE, addresses: addresses.map(ip), ...changes });
}

export function containerPort(
  port: number,
  hostPort: number,
  changes: Partial<ContainerPort> = {},
): ContainerPort {
  return {
    name: '',
    port: port as Port,
    protocol: 'TCP',
    hostPort: hostPort as Port,
    hostIp: null,
    ...changes,
  };
}

export function servicePort(port: number, changes: Partial<ServicePort> = {}): ServicePort {
  return anyServicePort({ port: port as Port, ...changes });
}

export function service(
  name: string,
  clusterIps: readonly string[],
  changes: Partial<ServiceObject> = {},
): ServiceObject {
  const addresses = clusterIps.map(ip);
  const ipFamilies = addresses.map((address): Family => (address.includes(':') ? 'IPv6' : 'IPv4'));
  return serviceObject({ name, namespace: 'shop', clusterIps: addresses, ipFamilies, ...changes });
}

export function vip(text: string): ServiceObject['loadBalancerIngress'][number] {
  return { address: ip(text), ipMode: 'VIP' };
}

/** A ready endpoint on this node, unless told otherwise. */
export function endpoint(address: string, changes: Partial<SliceEndpoint> = {}): SliceEndpoint {
  return sliceEndpoint({ address: ip(address), nodeName: HERE, ...changes });
}

export const NOT_READY: Partial<SliceEndpoint> = { ready: false, serving: false };
/** Still serves while it terminates. */
export const DRAINING: Partial<SliceEndpoint> = { ready: false, serving: true, terminating: true };
export const REMOTE: Partial<SliceEndpoint> = { nodeName: ELSEWHERE };

/** A slice of Service `shop/NAME` whose unnamed TCP port is 8080; its family is that of the first endpoint. */
export function slice(
  serviceName: string,
  endpoints: readonly SliceEndpoint[],
  changes: Partial<EndpointSliceObject> = {},
): EndpointSliceObject {
  const addressType: Family = endpoints[0]?.addresses[0]?.includes(':') ? 'IPv6' : 'IPv4';
  return sliceObject({
    name: `${serviceName}-${addressType}`,
    namespace: 'shop',
    service: objectName('shop', serviceName),
    addressType,
    ports: [{ name: '', protocol: 'TCP', port: 8080 as Port }],
    endpoints,
    ...changes,
  });
}
