/** The node's network as far as it leads to single addresses: who that is changed by, and by which interface they are reached. */
import type { NetworkChange, NetworkInterface } from '../../kernel/network.ts';
import type { NetworkSnapshot } from '../../kernel/network-stream.ts';
import type { Address } from '../../model/address.ts';
import { createFarEnds } from './far-ends.ts';
import { createHostRoutes } from './host-routes.ts';

/** An interface that leads to an address. */
export interface Way {
  readonly interface: NetworkInterface;
  /** `route`: the node's own routes say so; `namespace`: the other end of this veth has the address. */
  readonly how: 'route' | 'namespace';
}

export interface NetworkIndex {
  /** Takes changes in; returns the addresses to which the ways may be others now, or that others share their ways with. */
  apply(changes: readonly NetworkChange[]): ReadonlySet<Address>;
  /** An interface may be in it twice, once for each `how`. */
  waysTo(address: Address): readonly Way[];
  /** The bridge that the interface is a port of; null: none, or its master is something else. */
  bridgeOf(port: NetworkInterface): number | null;
  /** Every address that the interface leads to. */
  addressesBehind(interfaceIndex: number): readonly Address[];
  /** Veths whose other end, in another namespace, has an address. Looks at all of them. */
  inhabited(): readonly NetworkInterface[];
}

export function createNetworkIndex(snapshot: Omit<NetworkSnapshot, 'ownAddresses'>): NetworkIndex {
  const interfaces = new Map<number, NetworkInterface>();
  const routes = createHostRoutes();
  const ends = createFarEnds();

  const waysTo = (address: Address): readonly Way[] => {
    const ways = (indexes: readonly number[], how: Way['how']): readonly Way[] =>
      indexes.flatMap((index) => {
        const found = interfaces.get(index);
        return found === undefined ? [] : [{ interface: found, how }];
      });
    return [...ways(routes.interfacesTo(address), 'route'), ...ways(ends.interfacesTo(address), 'namespace')];
  };
  const addressesBehind = (index: number) => [...routes.addressesBy(index), ...ends.addressesBehind(index)];
  /** The address, and those that lie behind the same interfaces. */
  const around = (address: Address): readonly Address[] => [
    address,
    ...waysTo(address).flatMap((way) => addressesBehind(way.interface.index)),
  ];
  const concerned = (change: NetworkChange): readonly Address[] => {
    if (change.kind === 'interface') return addressesBehind(change.subject.index);
    if (change.kind === 'namespace') return ends.addressesIn(change.id).flatMap(around);
    if (change.kind === 'own-address') return [];
    return around(change.subject.address);
  };
  const setInterface = (subject: NetworkInterface, gone: boolean) => {
    if (gone || !subject.up) routes.forgetInterface(subject.index);
    if (gone) {
      interfaces.delete(subject.index);
      ends.forgetInterface(subject.index);
    } else {
      interfaces.set(subject.index, subject);
      ends.setInterface(subject);
    }
  };
  const take = (change: NetworkChange) => {
    if (change.kind === 'interface') setInterface(change.subject, change.gone);
    else if (change.kind === 'namespace') ends.forgetNamespace(change.id);
    else if (change.kind === 'route') routes[change.gone ? 'delete' : 'set'](change.subject);
    else if (change.kind === 'address') ends[change.gone ? 'deleteAddress' : 'setAddress'](change.subject);
  };
  for (const subject of snapshot.interfaces) setInterface(subject, false);
  for (const route of snapshot.routes) routes.set(route);
  for (const address of snapshot.addresses) ends.setAddress(address);
  return {
    apply(changes) {
      const touched = new Set<Address>();
      for (const change of changes) {
        for (const address of concerned(change)) touched.add(address);
        take(change);
        for (const address of concerned(change)) touched.add(address);
      }
      return touched;
    },
    waysTo,
    bridgeOf: ({ master }) => (master !== null && interfaces.get(master)?.kind === 'bridge' ? master : null),
    addressesBehind,
    inhabited: () => ends.inhabited().flatMap((index) => interfaces.get(index) ?? []),
  };
}
