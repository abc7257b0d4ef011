/** Services: families, cluster IPs and load-balancer addresses, as the API server fills them in. */
import {
  type Address,
  addressBits,
  FAMILIES,
  type Family,
  familyOf,
  type Prefix,
  prefixContains,
  splitPrefix,
} from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { ServiceObject } from '../model/objects.ts';
import { addressCandidates, addressNumber } from './address-range.ts';
import { staticAddresses } from './bands.ts';
import type { Candidates, ClaimBook } from './claims.ts';
import type { ServiceNetworks } from './network-stage.ts';
import { completeNodePorts } from './node-ports.ts';
import type { ClusterOptions } from './options.ts';
import type { ProblemText } from './problems.ts';

/** Cluster IPs begin at number 1 of the CIDR: 0 is the network's own address. */
const FIRST_CLUSTER_IP = 1;
/** The API server's own limit for a service CIDR. */
const WIDEST_CIDR_BITS = 20;

export interface ServiceBooks {
  readonly clusterIps: ClaimBook;
  readonly nodePorts: ClaimBook;
}

/** What is around the Services. */
export interface ServiceSurroundings {
  readonly networks: ServiceNetworks;
  readonly options: ClusterOptions;
}

export interface CompletedService {
  /** null: the Service is not in effect, the problems say why. */
  readonly object: ServiceObject | null;
  readonly problems: readonly ProblemText[];
}

/** The Service's explicit cluster IPs. */
export function claimedClusterIps(service: ServiceObject): readonly Address[] {
  return service.clusterIps === 'headless' ? [] : service.clusterIps;
}

/** The same, by the slot that holds one that is chosen. */
export function explicitClusterIps(service: ServiceObject): readonly (readonly [string, Address])[] {
  return claimedClusterIps(service).map((ip, index) => [clusterIpSlot(familyOf(ip), index), ip]);
}

/** Which family came first is remembered as well: it stays the first. */
function clusterIpSlot(family: Family, index: number): string {
  return index === 0 ? family : `${family} second`;
}

/** Completes a Service whose explicit cluster IPs and node ports are already claimed in the books. */
export function completeService(
  owner: ObjectName,
  service: ServiceObject,
  books: ServiceBooks,
  { networks, options }: ServiceSurroundings,
): CompletedService {
  const problems: ProblemText[] = [];
  const addressed = withClusterIps(owner, service, books.clusterIps, networks, problems);
  const ported =
    addressed === null ? null : completeNodePorts(owner, addressed, books.nodePorts, options, problems);
  if (ported !== null) return { object: withIngress(ported, options), problems };
  books.clusterIps.abandon(owner);
  books.nodePorts.abandon(owner);
  return { object: null, problems };
}

/** Where there are no pools, a load balancer without a status serves the address it asks for. */
function withIngress(service: ServiceObject, { loadBalancerPools }: ClusterOptions): ServiceObject {
  if (loadBalancerPools.length > 0) return service;
  const { type, loadBalancerIp, loadBalancerIngress } = service;
  if (type !== 'LoadBalancer' || loadBalancerIp === null || loadBalancerIngress.length > 0) return service;
  return { ...service, loadBalancerIngress: [{ address: loadBalancerIp, ipMode: 'VIP' }] };
}

function withClusterIps(
  owner: ObjectName,
  service: ServiceObject,
  book: ClaimBook,
  networks: ServiceNetworks,
  problems: ProblemText[],
): ServiceObject | null {
  if (service.type === 'ExternalName') {
    book.retain(owner, new Set());
    return service;
  }
  const ipFamilyPolicy =
    service.ipFamilyPolicy ?? (isOfAnyFamily(service) ? 'RequireDualStack' : 'SingleStack');
  // A headless Service has none to remember it by, not even in the step in which it becomes one.
  const former =
    service.clusterIps === 'headless'
      ? undefined
      : FAMILIES.find((family) => book.assigned(owner, clusterIpSlot(family, 0)) !== undefined);
  const ipFamilies = familiesOf(service, ipFamilyPolicy, former, networks.all.map(familyOf), problems);
  if (ipFamilies === null) return null;
  if (service.clusterIps === 'headless') {
    book.retain(owner, new Set());
    return { ...service, ipFamilyPolicy, ipFamilies };
  }
  const explicit = service.clusterIps;
  if (!explicitIpsCount(owner, explicit, book, networks, problems)) return null;
  const slots = ipFamilies.map(clusterIpSlot);
  book.retain(owner, new Set(slots.filter((_, index) => !explicit.some(isOf(ipFamilies[index])))));
  const clusterIps: Address[] = [];
  // A family whose networks are all being deleted counts as missing to those who do without.
  const isOptional = (family: Family): boolean =>
    ipFamilyPolicy === 'PreferDualStack' &&
    family !== ipFamilies[0] &&
    !service.ipFamilies.includes(family) &&
    ofFamily(networks.open, family).length === 0;
  for (const [index, family] of ipFamilies.entries()) {
    const slot = clusterIpSlot(family, index);
    const clusterIp = explicit.find(isOf(family)) ?? allocate(owner, slot, family, book, networks);
    if (clusterIp !== undefined) clusterIps.push(clusterIp as Address);
    else if (!isOptional(family)) problems.push(noClusterIp(family, networks));
  }
  if (problems.some(({ severity }) => severity === 'error')) return null;
  return { ...service, ipFamilyPolicy, ipFamilies: clusterIps.map(familyOf), clusterIps };
}

/** The network's own address, and an IPv4 network's broadcast: an API server gives them to no Service. */
function isEdge(cidr: Prefix, address: Address): boolean {
  const number = addressNumber(cidr, address);
  const last = 2 ** (addressBits(address) - splitPrefix(cidr).length) - 1;
  return number === 0 || (familyOf(address) === 'IPv4' && number === last);
}

function isOf(family: Family | undefined): (ip: Address) => boolean {
  return (ip) => familyOf(ip) === family;
}

type Policy = NonNullable<ServiceObject['ipFamilyPolicy']>;

/** Nobody knows of which families the endpoints of a headless Service without selector will be: it has both in any cluster. */
function isOfAnyFamily({ clusterIps, selector }: ServiceObject): boolean {
  return clusterIps === 'headless' && selector === null;
}

/**
 * The Service's families in order; null, with a problem, where the cluster lacks one that it needs.
 * @param former the first one until now: it comes first where the Service does not say
 */
function familiesOf(
  service: ServiceObject,
  policy: Policy,
  former: Family | undefined,
  available: readonly Family[],
  problems: ProblemText[],
): readonly Family[] | null {
  const { ipFamilies: given, clusterIps } = service;
  const first = given[0] ?? former ?? available[0] ?? 'IPv4';
  const second = given[1] ?? FAMILIES.find((family) => family !== first) ?? 'IPv6';
  const explicit = clusterIps === 'headless' ? [] : clusterIps.map(familyOf);
  const exists = (family: Family): boolean => available.includes(family) || explicit.includes(family);
  const wanted = policy === 'SingleStack' ? [first] : [first, second];
  const missing = isOfAnyFamily(service) ? undefined : wanted.find((family) => !exists(family));
  const required = policy === 'RequireDualStack' || missing === first || missing === given[1];
  if (missing === undefined) return wanted;
  if (!required) return wanted.filter(exists);
  problems.push({
    severity: 'error',
    field: given.includes(missing) ? 'spec.ipFamilies' : 'spec.ipFamilyPolicy',
    reason: 'FamilyNotAvailable',
    message: `the cluster has no service CIDR of family ${missing}`,
    remedy: `use ${available.join(', ') || 'no'} addresses, or add a service CIDR of family ${missing}`,
  });
  return null;
}

function explicitIpsCount(
  owner: ObjectName,
  explicit: readonly Address[],
  book: ClaimBook,
  { open, all }: ServiceNetworks,
  problems: ProblemText[],
): boolean {
  const taken = explicit.find((address) => book.winner(address) !== owner);
  if (taken !== undefined) {
    problems.push({
      severity: 'error',
      field: explicit.length > 1 ? `spec.clusterIPs[${explicit.indexOf(taken)}]` : 'spec.clusterIP',
      reason: 'DuplicateClusterIP',
      message: `${taken} is the cluster IP of Service ${book.winner(taken)} already`,
      remedy: 'choose another address, or leave it out to be given one',
    });
    return false;
  }
  for (const address of explicit) {
    if (all.some((cidr) => prefixContains(cidr, address) && !isEdge(cidr, address))) continue;
    const isInside = all.some((cidr) => prefixContains(cidr, address));
    const what = isInside ? 'the network or broadcast address of one of' : 'outside';
    problems.push({
      severity: 'warning',
      field: 'spec.clusterIP',
      reason: 'ClusterIPOutsideRange',
      message: `${address} is ${what} the service CIDRs ${open.join(', ')}`,
      remedy: 'use an address inside, add a ServiceCIDR that holds it, or widen --service-cluster-ip-range',
    });
  }
  return true;
}

function allocate(
  owner: ObjectName,
  slot: string,
  family: Family,
  book: ClaimBook,
  { open, all }: ServiceNetworks,
): string | undefined {
  const chosen = clusterIpCandidates(owner, ofFamily(open, family));
  const kept = clusterIpCandidates(owner, ofFamily(all, family));
  return book.assign(owner, slot, { has: kept.has, values: chosen.values });
}

/** The addresses of the CIDRs, those of the first one before those of the next. */
function clusterIpCandidates(owner: ObjectName, cidrs: readonly Prefix[]): Candidates {
  const each = cidrs.map((cidr) =>
    addressCandidates(cidr, owner, FIRST_CLUSTER_IP, WIDEST_CIDR_BITS, staticAddresses),
  );
  return {
    has: (value) => each.some((candidates) => candidates.has(value)),
    *values() {
      for (const candidates of each) yield* candidates.values();
    },
  };
}

function ofFamily(cidrs: readonly Prefix[], family: Family): readonly Prefix[] {
  return cidrs.filter((cidr) => familyOf(cidr) === family);
}

function noClusterIp(family: Family, { open }: ServiceNetworks): ProblemText {
  const cidrs = ofFamily(open, family);
  return {
    severity: 'error',
    field: 'spec.clusterIPs',
    reason: 'AddressesExhausted',
    message: `no ${family} cluster IP is free${cidrs.length === 0 ? '' : ` in ${cidrs.join(', ')}`}`,
    remedy: 'remove unused Services, add a ServiceCIDR, or widen a network of --service-cluster-ip-range',
  };
}
