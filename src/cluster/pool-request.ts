/** What a load balancer asks of the pools, by its spec and annotations. */
import { type Address, familyOf, parseAddress } from '../model/address.ts';
import { compareText, objectName } from '../model/names.ts';
import type { ServiceObject } from '../model/objects.ts';
import type { PoolRequest } from './pool-allocation.ts';
import type { ProblemText } from './problems.ts';

const ADDRESSES_ANNOTATION = 'weir.dev/load-balancer-ips';
const SHARING_ANNOTATION = 'weir.dev/allow-shared-ip';

/** The request of a completed Service of type LoadBalancer; problems are of annotations that make no sense. */
export function poolRequestOf(service: ServiceObject): {
  readonly request: PoolRequest;
  readonly problems: readonly ProblemText[];
} {
  const { annotations, loadBalancerIp } = service;
  const annotated = annotatedAddresses(annotations[ADDRESSES_ANNOTATION]);
  const isAnnotated = annotated !== undefined && annotated.length > 0;
  const spoken = loadBalancerIp === null ? [] : [loadBalancerIp];
  const request: PoolRequest = {
    owner: objectName(service.namespace, service.name),
    createdAtMs: service.createdAtMs,
    class: service.loadBalancerClass,
    families: service.ipFamilies,
    optionalFamilies: service.ipFamilyPolicy === 'PreferDualStack' ? service.ipFamilies.slice(1) : [],
    given: service.loadBalancerIngress.map(({ address }) => address),
    wanted: isAnnotated ? annotated : spoken,
    wantedField: isAnnotated ? annotationField(ADDRESSES_ANNOTATION) : 'spec.loadBalancerIP',
    sharingKey: annotations[SHARING_ANNOTATION]?.trim() || null,
    ports: service.ports.map(({ protocol, port }) => `${protocol}/${port}`),
    nodes: nodesOf(service),
  };
  return {
    request,
    problems: annotated === undefined ? [badAddresses(annotations[ADDRESSES_ANNOTATION])] : [],
  };
}

/** Empty where there is no annotation; undefined where it makes no sense. */
function annotatedAddresses(text: string | undefined): readonly Address[] | undefined {
  if (text === undefined || text.trim() === '') return [];
  const addresses = text.split(',').flatMap((part) => parseAddress(part.trim()) ?? []);
  const families = new Set(addresses.map(familyOf));
  const isWhole = addresses.length === text.split(',').length && families.size === addresses.length;
  return isWhole ? addresses : undefined;
}

/** Under policy Local the nodes with endpoints attract the traffic: two Services can only share where these are the same. */
function nodesOf({ externalTrafficPolicy, namespace, name, selector }: ServiceObject): string {
  if (externalTrafficPolicy === 'Cluster') return 'all';
  if (selector === null) return `endpoints of ${namespace}/${name}`;
  const terms = Object.entries(selector).map(([label, value]) => `${label}=${value}`);
  return `pods of ${namespace}: ${terms.sort(compareText).join(',')}`;
}

function badAddresses(text: string | undefined): ProblemText {
  return {
    severity: 'warning',
    field: annotationField(ADDRESSES_ANNOTATION),
    reason: 'UnknownAnnotationValue',
    message: `"${text}" is not a list of addresses; the Service is treated as if it asked for none there`,
    remedy: 'write one address, or one of each family joined by a comma',
  };
}

function annotationField(name: string): string {
  return `metadata.annotations['${name}']`;
}
