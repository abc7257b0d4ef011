/** A node's network that is changed step by step as the kernel would, and what the kernel tells of it. */
import type {
  HostRoute,
  NeighbourAddress,
  NetworkChange,
  NetworkInterface,
} from '../../../src/kernel/network.ts';
import type { NetworkSnapshot } from '../../../src/kernel/network-stream.ts';
import type { Address } from '../../../src/model/address.ts';

/** A veth whose other end has index 2 in the namespace with the id, as it is in most pods. */
export function veth(
  index: number,
  namespace: number | null,
  more: Partial<NetworkInterface> = {},
): NetworkInterface {
  const peer = { index: 2, namespace };
  return { index, name: `veth${index}`, kind: 'veth', up: true, master: null, peer, ...more };
}

export function route(address: string, interfaceIndex: number, more: Partial<HostRoute> = {}): HostRoute {
  return { address: address as Address, interfaceIndex, table: 254, metric: 0, ...more };
}

export function held(address: string, namespace: number, interfaceIndex = 2): NeighbourAddress {
  return { address: address as Address, namespace, interfaceIndex };
}

export interface NetworkScene {
  snapshot(): Omit<NetworkSnapshot, 'ownAddresses'>;
  /** Makes it so; returns what the kernel tells, which is less than what happens. */
  apply(change: NetworkChange): readonly NetworkChange[];
}

export function createNetworkScene(): NetworkScene {
  let interfaces: readonly NetworkInterface[] = [];
  let routes: readonly HostRoute[] = [];
  let addresses: readonly NeighbourAddress[] = [];
  const isUp = (index: number) => interfaces.some((each) => each.index === index && each.up);
  return {
    snapshot: () => ({ interfaces, routes, addresses }),
    apply(change) {
      if (change.kind === 'interface') {
        interfaces = interfaces.filter(({ index }) => index !== change.subject.index);
        if (!change.gone) interfaces = [...interfaces, change.subject];
        routes = routes.filter(({ interfaceIndex }) => isUp(interfaceIndex));
      } else if (change.kind === 'route') {
        if (!isUp(change.subject.interfaceIndex)) return [];
        const same = routes.find((each) => sameRoute(each, change.subject));
        if (change.gone && same?.interfaceIndex !== change.subject.interfaceIndex) return [];
        routes = routes.filter((each) => each !== same);
        if (!change.gone) routes = [...routes, change.subject];
      } else if (change.kind === 'address') {
        addresses = addresses.filter((each) => !sameAddress(each, change.subject));
        if (!change.gone) addresses = [...addresses, change.subject];
      } else if (change.kind === 'namespace')
        addresses = addresses.filter(({ namespace }) => namespace !== change.id);
      return [change];
    },
  };
}

function sameRoute(a: HostRoute, b: HostRoute): boolean {
  return a.address === b.address && a.table === b.table && a.metric === b.metric;
}

function sameAddress(a: NeighbourAddress, b: NeighbourAddress): boolean {
  return a.address === b.address && a.namespace === b.namespace && a.interfaceIndex === b.interfaceIndex;
}
