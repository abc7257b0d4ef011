/**
 * Frontend keys (address, protocol, port) in registers. Two addresses that no packet goes to ("this network", RFC 1122;
 * the discard prefix, RFC 6666) stand for scopes: any address where a node's port is open, and node ports seen from inside
 * at another node's address. The `service` map knows the latter by the first as well: compiling never lets a host
 * port and a node port share a number.
 */

import { type Expression, expr } from '../../../kernel/native.ts';
import { type Address, addressBytes, type Family } from '../../../model/address.ts';
import {
  addressWidth,
  forEachFamily,
  loadAddress,
  loadDestinationPort,
  loadProtocol,
  type Rule,
} from './matching.ts';

export type Scope = 'exact' | 'anyAddress' | 'elsewhere';

/** The two ways the `service` map may know a frontend; the exact one is tried first. */
const KNOWN_BY = ['exact', 'anyAddress'] as const;

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
 */
function loadOriginalFrontend(family: Family, scope: (typeof KNOWN_BY)[number]): readonly Expression[] {
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

type BuildRule = (family: Family, loadKey: readonly Expression[]) => Rule;

/** A rule for each way in which a packet's frontend may be known. */
export function perKnownKey(build: BuildRule): readonly Rule[] {
  return KNOWN_BY.flatMap((scope) => forEachFamily((family) => build(family, loadFrontend(family, scope))));
}

/** Like perKnownKey, by the tuple that conntrack remembers. */
export function perOriginalKey(build: BuildRule): readonly Rule[] {
  return KNOWN_BY.flatMap((scope) =>
    forEachFamily((family) => build(family, loadOriginalFrontend(family, scope))),
  );
}
