/** The other ends of the node's veths, in the namespaces beside it, and the addresses there. */
import type { NeighbourAddress, NetworkInterface } from '../../kernel/network.ts';
import type { Address } from '../../model/address.ts';
import { createRelation } from './relation.ts';

export interface FarEnds {
  /** An interface as it is now. */
  setInterface(subject: NetworkInterface): void;
  forgetInterface(index: number): void;
  setAddress(address: NeighbourAddress): void;
  deleteAddress(address: NeighbourAddress): void;
  /** It is gone, and another one may get its id. */
  forgetNamespace(id: number): void;
  /** Veths whose other end has the address. */
  interfacesTo(address: Address): readonly number[];
  addressesBehind(interfaceIndex: number): readonly Address[];
  addressesIn(namespace: number): readonly Address[];
  /** Veths whose other end has any address. */
  inhabited(): readonly number[];
}

export function createFarEnds(): FarEnds {
  // A far end is named by the namespace's id and its index there.
  const veths = createRelation<string, number>();
  const addresses = createRelation<string, Address>();
  const ends = createRelation<number, string>();
  const forgetInterface = (index: number) => {
    for (const end of veths.leftsOf(index)) veths.delete(end, index);
  };
  const addressesAt = (found: readonly string[]) => found.flatMap(addresses.rightsOf);
  return {
    setInterface({ index, kind, peer }) {
      forgetInterface(index);
      // A pair whose ends are both on the node leads to no pod.
      if (kind === 'veth' && peer !== null && peer.namespace !== null)
        veths.add(`${peer.namespace}/${peer.index}`, index);
    },
    forgetInterface,
    setAddress({ namespace, interfaceIndex, address }) {
      const end = `${namespace}/${interfaceIndex}`;
      addresses.add(end, address);
      ends.add(namespace, end);
    },
    deleteAddress: ({ namespace, interfaceIndex, address }) =>
      addresses.delete(`${namespace}/${interfaceIndex}`, address),
    forgetNamespace(id) {
      for (const end of ends.rightsOf(id)) {
        for (const address of addresses.rightsOf(end)) addresses.delete(end, address);
        ends.delete(id, end);
      }
    },
    interfacesTo: (address) => addresses.leftsOf(address).flatMap(veths.rightsOf),
    addressesBehind: (index) => addressesAt(veths.leftsOf(index)),
    addressesIn: (namespace) => addressesAt(ends.rightsOf(namespace)),
    inhabited: () => addresses.lefts().flatMap(veths.rightsOf),
  };
}
