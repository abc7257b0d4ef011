/** A Service's own addresses: its cluster IPs, and those load-balancer and external IPs that it may have (A31, E25, I2). */
import { type Address, type Prefix, prefixContains } from '../../model/address.ts';
import { type ObjectName, objectName } from '../../model/names.ts';
import type { ServiceObject } from '../../model/objects.ts';
import type { ServiceAddressRow } from '../../model/rows.ts';
import { unroutableReason } from '../../model/unroutable-address.ts';
import { type AddressBook, clusterIpsOf, holderOf, loadBalancerIpsOf, sortedOwners } from './address-book.ts';
import type { Exposure } from './expose.ts';
import type { Finding } from './problems.ts';

/** An address that a Service asks for. */
export interface ServiceAddress {
  readonly address: Address;
  readonly kind: ServiceAddressRow['kind'];
  /** Where the Service says so. */
  readonly field: string;
}

/** The addresses to serve on this node, each once, and a finding for every one that is refused. */
export function serviceAddressesOf(
  service: ServiceObject,
  exposure: Exposure,
  book: AddressBook,
  allowed: readonly Prefix[],
): { readonly accepted: readonly ServiceAddress[]; readonly findings: readonly Finding[] } {
  const owner = objectName(service.namespace, service.name);
  const accepted = new Map<Address, ServiceAddress>();
  const findings: Finding[] = [];
  for (const wanted of wantedAddresses(service)) {
    if (!exposure.kinds.has(wanted.kind)) continue;
    const why = wanted.kind === 'clusterIP' ? null : refusal(wanted, owner, book, allowed);
    if (why !== null) findings.push(refused(wanted, why));
    else if (!accepted.has(wanted.address)) accepted.set(wanted.address, wanted);
  }
  return { accepted: [...accepted.values()], findings };
}

function wantedAddresses(service: ServiceObject): readonly ServiceAddress[] {
  return [
    ...clusterIpsOf(service).map((address) => ({
      address,
      kind: 'clusterIP' as const,
      field: 'spec.clusterIPs',
    })),
    ...loadBalancerIpsOf(service).map((address) => ({
      address,
      kind: 'loadBalancerIP' as const,
      field: 'status.loadBalancer.ingress',
    })),
    ...service.externalIps.map((address) => ({
      address,
      kind: 'externalIP' as const,
      field: 'spec.externalIPs',
    })),
  ];
}

function refusal(
  { address, kind }: ServiceAddress,
  owner: ObjectName,
  book: AddressBook,
  allowed: readonly Prefix[],
): string | null {
  const unroutable = unroutableReason(address);
  if (unroutable !== null) return unroutable;
  const holder = holderOf(address, book);
  if (holder !== null) return holder;
  if (kind === 'externalIP') {
    const [other] = sortedOwners(book.loadBalancerIps.owners(address)).filter((name) => name !== owner);
    if (other !== undefined) return `a load-balancer IP of Service ${other}`;
  }
  return allowed.length === 0 || allowed.some((prefix) => prefixContains(prefix, address))
    ? null
    : `outside the allowed ranges (${allowed.join(', ')})`;
}

function refused({ address, field }: ServiceAddress, why: string): Finding {
  return {
    severity: 'error',
    field,
    reason: 'AddressRefused',
    message: `${address} is ${why}; the Service is not served at it`,
    remedy:
      'use an address that belongs to nobody else in the cluster and lies in --external-ip-cidrs, if that is set',
  };
}
