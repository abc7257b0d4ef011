/** Objects from small numbers: every generated cluster draws its addresses and ports from these pools, so that they meet. */
import type { Address, Family } from '../../src/model/address.ts';
import { type NodeName, objectName, type Port, type Protocol } from '../../src/model/names.ts';
import type {
  EndpointSliceObject,
  Labels,
  Meta,
  NodeObject,
  PodObject,
  ServiceObject,
  SliceEndpoint,
} from '../../src/model/objects.ts';
import { podObject, serviceObject, sliceEndpoint } from '../objects.ts';

const WEIGHT = 'weir.dev/weight';

/** IPv4 or IPv6 text of the same meaning. */
export function either(family: Family, ipv4: string, ipv6: string): Address {
  return (family === 'IPv4' ? ipv4 : ipv6) as Address;
}

export function nodeAddress(family: Family, node: number): Address {
  return either(family, `172.31.0.${node + 1}`, `fd31::${node + 1}`);
}

export function nodeExternalAddress(family: Family, node: number): Address {
  return either(family, `198.18.0.${node + 1}`, `2001:db8:18::${node + 1}`);
}

export function podAddress(family: Family, node: number, pod: number): Address {
  return either(family, `10.244.${node}.${pod + 10}`, `fd44:${node + 1}::${pod + 10}`);
}

/** A pod address outside its node's pod CIDR, as some CNIs give. */
export function strayPodAddress(family: Family, pod: number): Address {
  return either(family, `10.99.0.${pod + 10}`, `fd99::${pod + 10}`);
}

export function clusterIp(family: Family, index: number): Address {
  return either(family, `10.96.0.${index + 1}`, `fd96::${index + 1}`);
}

export function publicAddress(family: Family, index: number): Address {
  return either(family, `203.0.113.${130 + index}`, `2001:db8:7::${130 + index}`);
}

/** A server or client that is no pod and no node. */
export function strangerAddress(family: Family, index: number): Address {
  return either(family, `192.0.2.${40 + index}`, `2001:db8:c0::${40 + index}`);
}

/** Metadata; an age of 0 stands for an object without creation time. */
export function metaOf(
  namespace: string,
  name: string,
  given: { readonly age?: number; readonly labels?: Labels; readonly annotations?: Labels } = {},
): Meta {
  const { age = 0, labels = {}, annotations = {} } = given;
  const createdAtMs = age === 0 ? null : age * 1000;
  return { namespace, name, uid: `${namespace}/${name}`, labels, annotations, createdAtMs, deleting: false };
}

export function nodeName(index: number): NodeName {
  return `n${index}` as NodeName;
}

/** A dual-stack node in a zone (null: no zone label). */
export function nodeOf(
  index: number,
  given: { readonly zone: string | null; readonly role: string | null; readonly hasExternal: boolean },
): NodeObject {
  const { zone, role, hasExternal } = given;
  const labels: Labels = {
    ...(zone === null ? {} : { 'topology.kubernetes.io/zone': zone }),
    ...(role === null ? {} : { role }),
  };
  const families: readonly Family[] = ['IPv4', 'IPv6'];
  return {
    ...metaOf('', nodeName(index), { labels }),
    kind: 'Node',
    podCidrs: [`10.244.${index}.0/24`, `fd44:${index + 1}::/64`] as unknown as NodeObject['podCidrs'],
    addresses: [
      ...families.map((family) => ({ type: 'InternalIP' as const, address: nodeAddress(family, index) })),
      ...families
        .filter(() => hasExternal)
        .map((family) => ({ type: 'ExternalIP' as const, address: nodeExternalAddress(family, index) })),
    ],
  };
}

export interface PodSeed {
  readonly node: number;
  readonly isStray: boolean;
  readonly isHostNetwork: boolean;
  readonly age: number;
  /** Of its annotation. */
  readonly weight?: string | null;
  readonly hostPorts: readonly {
    readonly port: number;
    readonly hostIp: Address | null;
    readonly protocol: Protocol;
  }[];
}

/** A running pod with its own addresses (a hostNetwork pod has its node's). */
export function podOf(index: number, seed: PodSeed): PodObject {
  const { node, isStray, isHostNetwork, age, weight = null, hostPorts } = seed;
  const families: readonly Family[] = ['IPv4', 'IPv6'];
  const own = (family: Family) =>
    isStray ? strayPodAddress(family, index) : podAddress(family, node, index);
  return podObject({
    ...metaOf('a', `p${index}`, { age, annotations: weight === null ? {} : { [WEIGHT]: weight } }),
    nodeName: nodeName(node),
    hostNetwork: isHostNetwork,
    hostname: `p${index}`,
    addresses: families.map((family) => (isHostNetwork ? nodeAddress(family, node) : own(family))),
    ports: hostPorts.map(({ port, hostIp, protocol }, at) => ({
      name: `c${at}`,
      port: (9000 + at) as Port,
      protocol,
      hostPort: port as Port,
      hostIp,
    })),
  });
}

/** A Service with every field at its default, but for what is given. */
export function serviceOf(
  namespace: string,
  name: string,
  given: Partial<Omit<ServiceObject, keyof Meta | 'kind'>> &
    Pick<ServiceObject, 'ports'> & {
      readonly age?: number;
      readonly labels?: Labels;
      readonly annotations?: Labels;
    },
): ServiceObject {
  const { age, labels, annotations, ...fields } = given;
  const meta = metaOf(namespace, name, {
    age: age ?? 0,
    labels: labels ?? {},
    annotations: annotations ?? {},
  });
  return serviceObject({ ...meta, ...fields });
}

/** A slice of the Service, as the control plane or a person makes them. */
export function sliceOf(
  service: ServiceObject,
  index: number,
  given: Pick<EndpointSliceObject, 'addressType' | 'ports' | 'endpoints'>,
  weight: string | null = null,
): EndpointSliceObject {
  const owner = objectName(service.namespace, service.name);
  const meta = metaOf(service.namespace, `${service.name}-${index}`, {
    labels: { 'kubernetes.io/service-name': service.name },
    annotations: weight === null ? {} : { [WEIGHT]: weight },
  });
  return { ...meta, kind: 'EndpointSlice', service: owner, ...given };
}

/** A ready endpoint without hints, but for what is given. */
export function endpointOf(
  address: Address,
  given: Partial<Omit<SliceEndpoint, 'addresses'>> = {},
): SliceEndpoint {
  return sliceEndpoint({ address, ...given });
}
