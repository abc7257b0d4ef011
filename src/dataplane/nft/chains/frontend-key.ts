/**
 * Frontend keys (address, protocol, port) in registers. Two addresses that no packet goes to ("this network", RFC 1122;
 * the discard prefix, RFC 6666) stand for scopes: any address where a node's port is open, and node ports seen from inside
 * at another node's address. The `service` map knows the latter by the first as well: compiling never lets a host
 * port and a node port share a number.
 */

import { type Expression, expr } from '../../../kernel/native.ts';
import { type Address, addressBytes, type Family } from '../../../model/address.ts';
import { addressWidth, loadAddress, loadDestinationPort, loadProtocol } from './matching.ts';

export type Scope = 'exact' | 'anyAddress' | 'elsewhere';

const STAND_IN: Readonly<Record<Exclude<Scope, 'exact'>, Readonly<Record<Family, Address>>>> = {
  anyAddress: { IPv4: '0.0.0.0' as Address, IPv6: '::' as Address },
  elsewhere: { IPv4: '0.0.0.1' as Address, IPv6: '100::1' as Address },
};

/** The address that stands for the scope in keys. */
export function scopeAddress(scope: Exclude<Scope, 'exact'>, family: Family): Address {
  return STAND_IN[scope][family];
}

/** Loads the packet's frontend key from register 0 on; for a scope, with its stand-in as the address. */
export function loadFrontend(family: Family, scope: Scope): readonly Expression[] {
  const width = addressWidth(family);
  const address =
    scope === 'exact'
      ? loadAddress(family, 'destination', 0)
      : expr.immediate({ register: 0, bytes: addressBytes(scopeAddress(scope, family)) });
  return [address, loadProtocol(width), loadDestinationPort(width + 1)];
}

/**
 * The same from what conntrack remembers of the connection's first packet, for hooks behind the translation.
 * `exact` or `anyAddress`: the two ways the `service` map knows a frontend.
 */
export function loadOriginalFrontend(family: Family, scope: 'exact' | 'anyAddress'): readonly Expression[] {
  const width = addressWidth(family);
  const key = family === 'IPv4' ? 'destinationAddress4' : 'destinationAddress6';
  const address =
    scope === 'exact'
      ? expr.ct({ key, direction: 'original', register: 0 })
      : expr.immediate({ register: 0, bytes: addressBytes(scopeAddress('anyAddress', family)) });
  return [
    address,
    loadProtocol(width),
    expr.ct({ key: 'destinationPort', direction: 'original', register: width + 1 }),
  ];
}
