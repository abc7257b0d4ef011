/** Addresses, neighbours and routes as settings. Neighbours are permanent: no packet waits for, or is lost to, ARP. */
import { type Address, familyOf, hostPrefix, type Prefix } from '../model/address.ts';
import { mainAddress, nextHop, type Station } from './members.ts';
import type { Setting } from './plan.ts';

/** The device of every namespace that is not a bridge. */
export const DEVICE = 'eth0';
/** Pods' gateways: the same for all, answered for by the node's end of the veth pair. */
export const POD_GATEWAY_V4 = '169.254.1.1';
export const POD_GATEWAY_V6 = 'fe80::1';

/** An address that is a host's alone; IPv6 without duplicate address detection, which takes a second. */
export function hostAddress(address: Address, device: string): Setting {
  const family = familyOf(address) === 'IPv4' ? 4 : 6;
  const nodad = family === 6 ? ' nodad' : '';
  return { family, object: 'address', text: `${hostPrefix(address)} dev ${device}${nodad}` };
}

export function linkLocal(address: string, device: string): Setting {
  return { family: 6, object: 'address', text: `${address}/64 dev ${device} nodad` };
}

export function neighbour(address: string, mac: string, device: string): Setting {
  const family = address.includes(':') ? 6 : 4;
  return { family, object: 'neighbour', text: `${address} lladdr ${mac} dev ${device} nud permanent` };
}

/** A route to one address or a network; `via` may be empty (on link), `source` undefined. */
export function route(
  destination: Address | Prefix,
  via: string,
  device: string,
  source: Address | undefined,
): Setting {
  const family = familyOf(destination) === 'IPv4' ? 4 : 6;
  const prefix = destination.includes('/') ? destination : hostPrefix(destination as Address);
  return { family, object: 'route', text: routeText(prefix, via, device, source) };
}

export function defaultRoute(
  family: 4 | 6,
  via: string,
  device: string,
  source: Address | undefined,
): Setting {
  // In numbers: `default` does not tell its family.
  const everything = family === 4 ? '0.0.0.0/0' : '::/0';
  return { family, object: 'route', text: routeText(everything, via, device, source) };
}

/** How one station knows another on the underlay: hardware addresses of all its addresses, and that they are on link. */
export function acquaintance(self: Station, other: Station): readonly Setting[] {
  return [
    neighbour(other.linkLocal, other.mac, DEVICE),
    ...other.addresses.flatMap((address) => [
      neighbour(address, other.mac, DEVICE),
      route(address, '', DEVICE, mainAddress(self, familyOf(address))),
    ]),
  ];
}

/** A route to what is behind another station. */
export function routeBehind(self: Station, other: Station, destination: Address | Prefix): Setting {
  const family = familyOf(destination);
  return route(destination, nextHop(other, family), DEVICE, mainAddress(self, family));
}

function routeText(prefix: string, via: string, device: string, source: Address | undefined): string {
  const words = [prefix, via, `dev ${device}`, via === '' ? '' : 'onlink'];
  return [...words, source === undefined ? '' : `src ${source}`].filter((word) => word !== '').join(' ');
}
