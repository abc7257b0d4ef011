/** What is wrong with a Service's slices: addresses that may not be endpoints, port names, names instead of addresses. */
import type { Address } from '../../model/address.ts';
import type { EndpointSliceObject, Problem, ServiceObject } from '../../model/objects.ts';
import { unroutableReason } from '../../model/unroutable-address.ts';
import { sortedOwners } from './address-book.ts';
import type { OwnerIndex } from './owner-index.ts';
import { problemOf } from './problems.ts';

/**
 * Endpoint addresses that are not allowed, each with the reason (A11, I5): unroutable ones, and cluster IPs, through
 * which a slice could make traffic loop or reach what its author may not.
 */
export function refusedAddresses(
  slices: readonly EndpointSliceObject[],
  clusterIps: OwnerIndex,
): ReadonlyMap<Address, string> {
  const refused = new Map<Address, string>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    for (const { addresses } of slice.endpoints) {
      const address = addresses[0];
      if (address === undefined || refused.has(address)) continue;
      const why = clusterIps.has(address) ? clusterIpOf(address, clusterIps) : unroutableReason(address);
      if (why !== null) refused.set(address, why);
    }
  }
  return refused;
}

function clusterIpOf(address: Address, clusterIps: OwnerIndex): string {
  return `the cluster IP of Service ${sortedOwners(clusterIps.owners(address))[0]}`;
}

/** Problems of the Service's slices, on the slices themselves. */
export function sliceProblems(
  service: ServiceObject,
  slices: readonly EndpointSliceObject[],
  refused: ReadonlyMap<Address, string>,
): readonly Problem[] {
  return slices.flatMap((slice) => {
    if (slice.addressType === 'FQDN') return [fqdnProblem(slice)];
    const problems = refused.size === 0 ? [] : refusedProblems(slice, refused);
    return namesMatch(service, slice) ? problems : [...problems, nameProblem(service, slice)];
  });
}

function fqdnProblem(slice: EndpointSliceObject): Problem {
  return problemOf(slice, {
    severity: 'warning',
    field: 'addressType',
    reason: 'AddressTypeFQDN',
    message: 'a slice of addressType FQDN has no addresses to send packets to; it is ignored',
    remedy:
      'List the addresses in slices of addressType IPv4 or IPv6, or use a Service of type ExternalName.',
  });
}

function refusedProblems(
  slice: EndpointSliceObject,
  refused: ReadonlyMap<Address, string>,
): readonly Problem[] {
  return slice.endpoints.flatMap(({ addresses }, index) => {
    const address = addresses[0];
    const why = address === undefined ? undefined : refused.get(address);
    if (why === undefined) return [];
    return [
      problemOf(slice, {
        severity: 'error',
        field: `endpoints[${index}].addresses[0]`,
        reason: 'EndpointAddressNotAllowed',
        message: `${address} is ${why} and can't be an endpoint; the endpoint is skipped`,
        remedy: 'give the address of a pod, of a node, or of a machine that the nodes have a route to',
      }),
    ];
  });
}

// A slice may lack some of the Service's ports (pods without the named container port); one that fits none is a mistake.
function namesMatch(service: ServiceObject, slice: EndpointSliceObject): boolean {
  return (
    slice.ports.length === 0 ||
    service.ports.length === 0 ||
    slice.ports.some((offered) =>
      service.ports.some(({ name, protocol }) => name === offered.name && protocol === offered.protocol),
    )
  );
}

function nameProblem(service: ServiceObject, slice: EndpointSliceObject): Problem {
  return problemOf(slice, {
    severity: 'warning',
    field: 'ports',
    reason: 'PortNameMismatch',
    message:
      `no port of the slice (${portTexts(slice.ports)}) has the name and protocol of a port of Service ` +
      `${service.namespace}/${service.name} (${portTexts(service.ports)}); its endpoints are not used`,
    remedy: "Give the slice's port the same name and protocol as the Service's port.",
  });
}

function portTexts(ports: readonly { readonly name: string; readonly protocol: string }[]): string {
  return ports.map(({ name, protocol }) => `"${name}" ${protocol}`).join(', ');
}
