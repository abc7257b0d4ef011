/** The rows arranged as the kernel's maps are: one lookup per step of a decision, whatever the number of rows. */
import type { Address, Family, Prefix } from '../model/address.ts';
import type { NodeName, Port, Protocol } from '../model/names.ts';
import type { WeirObject } from '../model/objects.ts';
import type { FrontendRow, Rows, ServiceAddressRow, ServiceRows } from '../model/rows.ts';
import { type PrefixSet, prefixSet } from './prefix-set.ts';

/** A frontend together with the service that it leads to. */
export interface Entry {
  readonly service: ServiceRows;
  readonly frontend: FrontendRow;
}

/** What `decide` reads. */
export interface LookupTables {
  readonly rows: Rows;
  /** Frontends with an address, by `frontendKey`; not host ports. */
  readonly exact: ReadonlyMap<string, Entry>;
  /** Host ports: by `frontendKey` with a hostIP, by `anyAddressKey` on every address of this node. */
  readonly hostPorts: ReadonlyMap<string, Entry>;
  /** Node ports, by `anyAddressKey`. */
  readonly nodePorts: ReadonlyMap<string, Entry>;
  readonly addresses: ReadonlyMap<Address, ServiceAddressRow>;
  /** This node's own addresses. */
  readonly own: ReadonlySet<Address>;
  readonly otherNodeAddresses: ReadonlySet<Address>;
  readonly inside: PrefixSet;
  readonly nodePortAddresses: PrefixSet;
  readonly serviceCidrs: PrefixSet;
  readonly masqueradeSources: PrefixSet;
  readonly nonMasquerade: PrefixSet;
}

/** Those of a node, as far as its object tells. */
export function addressesOfNode(objects: readonly WeirObject[], node: NodeName): readonly Address[] {
  const nodes = objects.filter((object) => object.kind === 'Node');
  return nodes
    .filter(({ name }) => name === node)
    .flatMap(({ addresses }) => addresses.map(({ address }) => address));
}

/** Arranges the rows of a node for `decide`; `own` are the node's addresses (the kernel knows them as local). */
export function lookupTables(rows: Rows, own: Iterable<Address>): LookupTables {
  const exact = new Map<string, Entry>();
  const hostPorts = new Map<string, Entry>();
  const nodePorts = new Map<string, Entry>();
  for (const service of rows.services.values()) {
    for (const frontend of service.frontends) {
      const { address, port, kind } = frontend;
      const entry = { service, frontend };
      const key =
        address === null
          ? anyAddressKey(service.family, port, service.protocol)
          : frontendKey(address, port, service.protocol);
      if (kind === 'hostPort') hostPorts.set(key, entry);
      else (address === null ? nodePorts : exact).set(key, entry);
    }
  }
  const { node } = rows;
  return {
    rows,
    exact,
    hostPorts,
    nodePorts,
    addresses: rows.addresses,
    own: new Set(own),
    otherNodeAddresses: new Set(node.otherNodeAddresses),
    ...arranged(node),
  };
}

/** Key of a frontend that has an address. */
export function frontendKey(address: Address, port: Port, protocol: Protocol): string {
  return `${address} ${protocol} ${port}`;
}

/** Key of a frontend at any (node-port) address of a family. */
export function anyAddressKey(family: Family, port: Port, protocol: Protocol): string {
  return `${family} ${protocol} ${port}`;
}

type PrefixTable = 'inside' | 'nodePortAddresses' | 'serviceCidrs' | 'masqueradeSources' | 'nonMasquerade';

function arranged(
  node: Readonly<Record<PrefixTable, readonly Prefix[]>>,
): Readonly<Record<PrefixTable, PrefixSet>> {
  return {
    inside: prefixSet(node.inside),
    nodePortAddresses: prefixSet(node.nodePortAddresses),
    serviceCidrs: prefixSet(node.serviceCidrs),
    masqueradeSources: prefixSet(node.masqueradeSources),
    nonMasquerade: prefixSet(node.nonMasquerade),
  };
}
