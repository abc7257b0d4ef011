/** The node's own addresses, kept up to date change by change. */
import type { InterfaceAddress, NetworkChange } from '../../kernel/network.ts';
import type { Address } from '../../model/address.ts';
import { createRelation } from './relation.ts';

export interface OwnAddresses {
  /** In no order; one that several interfaces have is in it once. The same list until an address comes or goes. */
  list(): readonly Address[];
  /** Everything that was known is replaced. Returns whether an address came or went. */
  set(addresses: readonly InterfaceAddress[]): boolean;
  /** Returns whether an address came or went. */
  apply(changes: readonly NetworkChange[]): boolean;
}

export function createOwnAddresses(): OwnAddresses {
  let interfaces = createRelation<Address, number>();
  let listed: readonly Address[] = [];
  const changed = (): true => {
    listed = interfaces.lefts();
    return true;
  };
  return {
    list: () => listed,
    set(addresses) {
      const next = createRelation<Address, number>();
      for (const { address, interfaceIndex } of addresses) next.add(address, interfaceIndex);
      const before = new Set(listed);
      interfaces = next;
      return before.symmetricDifference(new Set(next.lefts())).size > 0 && changed();
    },
    apply(changes) {
      let differs = false;
      for (const change of changes) {
        if (change.kind !== 'own-address') continue;
        const { address, interfaceIndex } = change.subject;
        const was = interfaces.rightsOf(address).length > 0;
        interfaces[change.gone ? 'delete' : 'add'](address, interfaceIndex);
        if (was !== interfaces.rightsOf(address).length > 0) differs = true;
      }
      return differs && changed();
    },
  };
}
