/** Interfaces, routes to single addresses, and addresses of a network namespace, in the words of the model. */
import { type Address, addressFromBytes } from '../model/address.ts';
import { nativeAddon } from './native.ts';
import type {
  NativeHostRoute,
  NativeInterface,
  NativeInterfaceAddress,
  NativeNetworkChange,
} from './native-network.ts';

/** What an interface is joined to, by its index in its own namespace. */
export interface InterfacePeer {
  readonly index: number;
  /** The id that namespace has here; null: the same namespace. */
  readonly namespace: number | null;
}

export interface NetworkInterface {
  readonly index: number;
  readonly name: string;
  /** The kernel's word: `veth`, `bridge`, `macvlan` …; empty for hardware and the loopback interface. */
  readonly kind: string;
  readonly up: boolean;
  /** Index of the bridge, bond or VRF it is a port of. */
  readonly master: number | null;
  /** A veth's other end; what a macvlan, ipvlan or VLAN stands on. */
  readonly peer: InterfacePeer | null;
}

/** A unicast route to one address, straight out of an interface (no gateway), in any table but `local`. */
export interface HostRoute {
  readonly address: Address;
  readonly interfaceIndex: number;
  readonly table: number;
  readonly metric: number;
}

/** An address, of a wider scope than the link, and the interface that has it. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly interfaceIndex: number;
}

/** As `InterfaceAddress`, in another namespace: by the id that one has here. */
export interface NeighbourAddress extends InterfaceAddress {
  readonly namespace: number;
}

export type NetworkChange =
  | { readonly kind: 'interface'; readonly subject: NetworkInterface; readonly gone: boolean }
  | { readonly kind: 'route'; readonly subject: HostRoute; readonly gone: boolean }
  | { readonly kind: 'address'; readonly subject: NeighbourAddress; readonly gone: boolean }
  | { readonly kind: 'own-address'; readonly subject: InterfaceAddress; readonly gone: boolean }
  /** A namespace is gone, with all its addresses. */
  | { readonly kind: 'namespace'; readonly id: number };

/** Where to look: the path of a network namespace; left out, the process's own. */
export interface NetworkPlace {
  readonly networkNamespace?: string;
}

/** Rejects with an Error that has `code`, `errno`, `syscall`, as the two below. */
export async function listInterfaces(place: NetworkPlace = {}): Promise<readonly NetworkInterface[]> {
  return (await nativeAddon().listInterfaces(place.networkNamespace)).map(interfaceFromNative);
}

export async function listHostRoutes(place: NetworkPlace = {}): Promise<readonly HostRoute[]> {
  return (await nativeAddon().listHostRoutes(place.networkNamespace)).map(routeFromNative);
}

/** The namespace's own addresses. */
export async function listAddresses(place: NetworkPlace = {}): Promise<readonly InterfaceAddress[]> {
  return (await nativeAddon().listAddresses(null, place.networkNamespace)).map(addressFromNative);
}

/** The addresses of the namespace that has this id there; none when nothing has it (any more), or it may not be looked at. */
export async function listNeighbourAddresses(
  id: number,
  place: NetworkPlace = {},
): Promise<readonly NeighbourAddress[]> {
  const addresses = await nativeAddon().listAddresses(id, place.networkNamespace);
  return addresses.map((each) => ({ ...addressFromNative(each), namespace: id }));
}

/**
 * Tells of everything that changes from now on, in order, until the returned function is called; `null` when the kernel had
 * to drop changes. Addresses in other namespaces are told only to a process with CAP_NET_BROADCAST. Throws an Error when
 * the namespace can't be watched.
 */
export function watchNetwork(
  take: (changes: readonly NetworkChange[] | null) => void,
  place: NetworkPlace = {},
): () => void {
  const native = nativeAddon();
  const reader = native.watchNetwork(
    (changes) => take(changes?.map(changeFromNative) ?? null),
    place.networkNamespace,
  );
  return () => native.closeReader(reader);
}

function changeFromNative(change: NativeNetworkChange): NetworkChange {
  switch (change.kind) {
    case 'interface':
      return { kind: 'interface', subject: interfaceFromNative(change.subject), gone: change.gone };
    case 'route':
      return { kind: 'route', subject: routeFromNative(change.subject), gone: change.gone };
    case 'address':
      return addressChange(change.subject, change.namespace, change.gone);
    case 'namespace':
      return { kind: 'namespace', id: change.namespace };
  }
}

function addressChange(
  native: NativeInterfaceAddress,
  namespace: number | undefined,
  gone: boolean,
): NetworkChange {
  const subject = addressFromNative(native);
  if (namespace === undefined) return { kind: 'own-address', subject, gone };
  return { kind: 'address', subject: { ...subject, namespace }, gone };
}

function interfaceFromNative(native: NativeInterface): NetworkInterface {
  const { peer, peerNamespace, ...rest } = native;
  return { ...rest, peer: peer === null ? null : { index: peer, namespace: peerNamespace } };
}

function routeFromNative(native: NativeHostRoute): HostRoute {
  return { ...native, address: addressFromBytes(native.address) };
}

function addressFromNative(native: NativeInterfaceAddress): InterfaceAddress {
  return { ...native, address: addressFromBytes(native.address) };
}
