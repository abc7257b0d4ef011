/**
 * Pieces of rules. A rule loads values into consecutive 32-bit registers so that they form a set's key, looks them up,
 * and goes on; a look-up that misses ends the rule. Some rules look up two values in a row, which nft's language
 * can't say and its netlink form can: that is why rules are built from expressions here.
 */

import { type Expression, expr } from '../../../kernel/native.ts';
import { FAMILIES, type Family } from '../../../model/address.ts';
import { familySet, type SetName } from '../layout.ts';
import type { PolicySet } from '../policies/layout.ts';

export type Rule = readonly Expression[];

/** A set of one of our tables. */
type AnySet = SetName | PolicySet;

const NFPROTO: Readonly<Record<Family, number>> = { IPv4: 2, IPv6: 10 };
/** The family's IP protocol number of ICMP, and the type of an echo request. */
const ICMP: Readonly<Record<Family, { readonly protocol: number; readonly echoRequest: number }>> = {
  IPv4: { protocol: 1, echoRequest: 8 },
  IPv6: { protocol: 58, echoRequest: 128 },
};
const ADDRESS_OFFSET: Readonly<Record<Family, { readonly source: number; readonly destination: number }>> = {
  IPv4: { source: 12, destination: 16 },
  IPv6: { source: 8, destination: 24 },
};

/** Registers that an address of the family fills. */
export function addressWidth(family: Family): number {
  return family === 'IPv4' ? 1 : 4;
}

/** Registers that a frontend key (address, protocol, port) fills. */
export function frontendWidth(family: Family): number {
  return addressWidth(family) + 2;
}

/** One rule for each family. */
export function forEachFamily(build: (family: Family) => Rule): readonly Rule[] {
  return FAMILIES.map((family) => [...matchFamily(family), ...build(family)]);
}

/** Goes on only for packets of the family; needed before any IP header field in an inet table. */
export function matchFamily(family: Family): Rule {
  return [
    expr.meta({ key: 'nfproto', register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(NFPROTO[family]) }),
  ];
}

export function loadAddress(family: Family, which: 'source' | 'destination', register: number): Expression {
  const length = addressWidth(family) * 4;
  return expr.payload({ base: 'network', offset: ADDRESS_OFFSET[family][which], length, register });
}

/** Loads the transport protocol's number. */
export function loadProtocol(register: number): Expression {
  return expr.meta({ key: 'l4proto', register });
}

/** Loads the port the packet is going to; TCP, UDP and SCTP have it in the same place. */
export function loadDestinationPort(register: number): Expression {
  return expr.payload({ base: 'transport', offset: 2, length: 2, register });
}

/** Loads the port the packet comes from. */
export function loadSourcePort(register: number): Expression {
  return expr.payload({ base: 'transport', offset: 0, length: 2, register });
}

/** Loads a 32-bit number in host byte order, as marks and list numbers are kept. */
export function loadNumber(value: number, register: number): Expression {
  return expr.immediate({ register, bytes: numberBytes(value) });
}

/** Ends the rule unless the key that starts at `source` is in the set. */
export function inSet(set: AnySet, source: number): Expression {
  return expr.lookup({ set, source });
}

export function notInSet(set: AnySet, source: number): Expression {
  return expr.lookup({ set, source, invert: true });
}

/** Ends the rule on a miss, else puts the map's value at `destination`. */
export function lookUp(set: AnySet, source: number, destination: number): Expression {
  return expr.lookup({ set, source, destination });
}

/**
 * Puts the number that the map has for the key at `source` into `register`, fit to be a key itself. nft takes what comes
 * out of a map to have no length, and aborts when it lists a rule that looks such a value up. So the map's values
 * have a word before the number, at `register - 1`, which nft holds for the whole value; at `register` it goes on seeing
 * the zero that was loaded first.
 */
export function lookUpNumber(set: AnySet, source: number, register: number): Rule {
  return [loadNumber(0, register), lookUp(set, source, register - 1)];
}

/** The number of the service whose frontend key starts at register 0. */
export function lookUpService(family: Family, register: number): Rule {
  return lookUpNumber(familySet('service', family), 0, register);
}

/**
 * Goes to the chain whose number the map has for the key at `source`, using the registers around `register`. Verdicts stand
 * in the small route maps alone: a change in a map of verdicts has the kernel check all of them for loops, which
 * takes 30 ms with 10,000 frontends.
 */
export function goByNumber(set: AnySet, source: number, register: number, route: AnySet): Rule {
  return [...lookUpNumber(set, source, register), follow(route, register)];
}

/** Ends the rule on a miss, else follows the verdict in the map. */
export function follow(set: AnySet, source: number): Expression {
  return expr.lookup({ set, source, destination: 'verdict' });
}

export function goTo(chain: string): Expression {
  return expr.verdict({ code: 'goto', chain });
}

export function jumpTo(chain: string): Expression {
  return expr.verdict({ code: 'jump', chain });
}

/** Goes on for packets to an address of this node, whatever interface has it. */
export function matchLocalDestination(): Rule {
  const RTN_LOCAL = 2;
  return [
    expr.fib({ result: 'type', flags: ['daddr'], register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: numberBytes(RTN_LOCAL) }),
  ];
}

/** Goes on for packets to 127.0.0.0/8 or ::1, which node ports and host ports never serve (I1). */
export function matchLoopbackDestination(family: Family): Rule {
  if (family === 'IPv6') {
    const loopback = new Uint8Array(16).fill(1, 15);
    return [
      loadAddress(family, 'destination', 0),
      expr.compare({ register: 0, operator: '==', bytes: loopback }),
    ];
  }
  const network = Uint8Array.of(127);
  return [
    expr.payload({ base: 'network', offset: ADDRESS_OFFSET.IPv4.destination, length: 1, register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: network }),
  ];
}

/** Goes on for packets of connections whose destination was translated, whoever did it. */
export function matchTranslated(): Rule {
  const IPS_DST_NAT = 1 << 5;
  const zero = numberBytes(0);
  return [
    expr.ct({ key: 'status', register: 0 }),
    expr.bitwise({ source: 0, destination: 0, length: 4, mask: numberBytes(IPS_DST_NAT), xor: zero }),
    expr.compare({ register: 0, operator: '!=', bytes: zero }),
  ];
}

export function matchTcp(): Rule {
  return [loadProtocol(0), expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(6) })];
}

export function matchEchoRequest(family: Family): Rule {
  return [
    loadProtocol(0),
    expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(ICMP[family].protocol) }),
    expr.payload({ base: 'transport', offset: 0, length: 1, register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(ICMP[family].echoRequest) }),
  ];
}

/** Translates the destination to the address (and port) in registers; ends the chain. */
export function translate(family: Family, addressRegister: number, portRegister?: number): Expression {
  const ipFamily = family === 'IPv4' ? 'ip' : 'ip6';
  return expr.nat({
    type: 'dnat',
    family: ipFamily,
    addressMin: addressRegister,
    ...(portRegister === undefined ? {} : { portMin: portRegister }),
  });
}

/** Four bytes in host byte order (little-endian here and on every platform Weir's addon builds for). */
export function numberBytes(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}
