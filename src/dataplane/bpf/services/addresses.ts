/** What addresses and prefixes stand for beside frontends: a Service's, this node's, another node's. */
import type { NodeAddress, NodeAddressKind, ServiceAddress } from '../../../generated/policy.ts';
import { type Address, type Family, familyOf, type Prefix, prefixContains } from '../../../model/address.ts';
import type { NodeRows, ServiceAddressRow } from '../../../model/rows.ts';
import { mappedBytes, mappedPrefix, unmappedAddress, unmappedPrefix } from '../mapped-address.ts';
import { type NamedEntries, readNamedEntries } from './named-entries.ts';
import type { ServiceTables } from './tables.ts';

export interface AddressEntries {
  readonly services: NamedEntries<Address, ServiceAddress>;
  readonly nodes: NamedEntries<Address, NodeAddress>;
  readonly prefixes: NamedEntries<Prefix, number>;
  /** By the unspecified address of the family. */
  readonly echoes: NamedEntries<Address, Uint8Array>;
}

/** Reads the tables of addresses and prefixes. */
export async function readAddressEntries(tables: ServiceTables): Promise<AddressEntries> {
  const address = { key: mappedBytes, name: unmappedAddress };
  const [services, nodes, prefixes, echoes] = await Promise.all([
    readNamedEntries(tables.addresses, {
      ...address,
      isSame: (one, other) => one.kind === other.kind && one.pingable === other.pingable,
    }),
    readNamedEntries(tables.nodeAddresses, {
      ...address,
      isSame: (one, other) => one.kind === other.kind,
    }),
    readNamedEntries(tables.prefixes, { key: mappedPrefix, name: unmappedPrefix, isSame: () => true }),
    readNamedEntries(tables.echoAddresses, {
      ...address,
      isSame: (one, other) => Buffer.from(one).equals(other),
    }),
  ]);
  return { services, nodes, prefixes, echoes };
}

/** Shared by all rows that say the same. */
const SERVICE_ADDRESSES: Readonly<Record<ServiceAddress['kind'], readonly [ServiceAddress, ServiceAddress]>> =
  {
    'cluster-ip': [
      { kind: 'cluster-ip', pingable: 0 },
      { kind: 'cluster-ip', pingable: 1 },
    ],
    external: [
      { kind: 'external', pingable: 0 },
      { kind: 'external', pingable: 1 },
    ],
  };

export function serviceAddress({ kind, pingable }: ServiceAddressRow): ServiceAddress {
  return SERVICE_ADDRESSES[kind === 'clusterIP' ? 'cluster-ip' : 'external'][pingable ? 1 : 0];
}

/**
 * What each address of a node stands for. `own`: all addresses of this node's interfaces; one of them is this node's whatever
 * another node's status says.
 */
export function nodeAddresses(node: NodeRows, own: Iterable<Address>): ReadonlyMap<Address, NodeAddress> {
  const entry = (address: Address, kind: NodeAddressKind): readonly [Address, NodeAddress] => [
    address,
    { kind },
  ];
  const isServed = (address: Address) =>
    node.nodePortAddresses.some((prefix) => prefixContains(prefix, address));
  return new Map([
    ...node.otherNodeAddresses.map((address) => entry(address, 'other')),
    ...Array.from(own, (address) => entry(address, isServed(address) ? 'served' : 'own')),
  ]);
}

const UNSPECIFIED: Readonly<Record<Family, Address>> = { IPv4: '0.0.0.0' as Address, IPv6: '::' as Address };

/** Which address of this node answers echo requests to Services of each family: the first one, as with nftables. */
export function echoAddresses(node: NodeRows): ReadonlyMap<Address, Uint8Array> {
  return new Map(
    node.nodeAddresses
      .toReversed()
      .map((address) => [UNSPECIFIED[familyOf(address)], mappedBytes(address)] as const),
  );
}
