/** The node's routes to single addresses. */
import type { HostRoute } from '../../kernel/network.ts';
import type { Address } from '../../model/address.ts';
import { createRelation } from './relation.ts';

export interface HostRoutes {
  set(route: HostRoute): void;
  /** Fine for one that is not there, or not any more. */
  delete(route: HostRoute): void;
  /** All routes out of this interface went with it: of IPv4's, the kernel does not tell. */
  forgetInterface(index: number): void;
  interfacesTo(address: Address): readonly number[];
  addressesBy(interfaceIndex: number): readonly Address[];
}

export function createHostRoutes(): HostRoutes {
  // A table has one route of a metric to an address: the next one replaces it, and that it is gone is not told.
  const routes = new Map<string, HostRoute>();
  const keys = createRelation<Address, string>();
  const users = createRelation<number, string>();
  const routesAt = (found: readonly string[]) => found.flatMap((key) => routes.get(key) ?? []);
  const forget = (key: string) => {
    const route = routes.get(key);
    if (route === undefined) return;
    routes.delete(key);
    keys.delete(route.address, key);
    users.delete(route.interfaceIndex, key);
  };
  return {
    set(route) {
      const key = keyOf(route);
      forget(key);
      routes.set(key, route);
      keys.add(route.address, key);
      users.add(route.interfaceIndex, key);
    },
    delete(route) {
      const key = keyOf(route);
      if (routes.get(key)?.interfaceIndex === route.interfaceIndex) forget(key);
    },
    forgetInterface(index) {
      for (const key of users.rightsOf(index)) forget(key);
    },
    interfacesTo: (address) => [
      ...new Set(routesAt(keys.rightsOf(address)).map((route) => route.interfaceIndex)),
    ],
    addressesBy: (index) => routesAt(users.rightsOf(index)).map((route) => route.address),
  };
}

function keyOf({ table, metric, address }: HostRoute): string {
  return `${table} ${metric} ${address}`;
}
