/** Conditions of the rules that packets of pods meet, and what these load. */
import { type Expression, expr } from '../../../kernel/native.ts';
import { loadProtocol, matchFamily, numberBytes, type Rule } from '../chains/matching.ts';
import type { Course } from './layout.ts';

/** IP protocol numbers. */
export const PROTOCOL = { ICMP: 1, UDP: 17, ICMPv6: 58 } as const;
const HOP_LIMIT_OFFSET = 7;

/** ICMPv6. */
export function matchNeighbourProtocol(): Rule {
  return [...matchFamily('IPv6'), ...matchProtocol(PROTOCOL.ICMPv6)];
}

/** The transport protocol of this number. */
export function matchProtocol(protocol: number): Rule {
  return [loadProtocol(0), expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(protocol) })];
}

/** ICMPv6 types from `first` to `last`. */
export function matchMessage(first: number, last: number): Rule {
  return [
    expr.payload({ base: 'transport', offset: 0, length: 1, register: 0 }),
    expr.compare({ register: 0, operator: '>=', bytes: Uint8Array.of(first) }),
    expr.compare({ register: 0, operator: '<=', bytes: Uint8Array.of(last) }),
  ];
}

/** IPv6. */
export function matchHopLimit(limit: number): Rule {
  return [
    expr.payload({ base: 'network', offset: HOP_LIMIT_OFFSET, length: 1, register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(limit) }),
  ];
}

/** IPv6. */
export function matchLinkLocalSource(): Rule {
  return [
    expr.payload({ base: 'network', offset: 8, length: 2, register: 0 }),
    linkLocalBits(),
    expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(0xfe, 0x80) }),
  ];
}

/** Goes on unless the address that `target` loads is of fe80::/10. */
export function matchNotLinkLocal(target: Expression): Rule {
  const offset = target.kind === 'payload' ? target.offset : 0;
  return [
    expr.payload({ base: 'transport', offset, length: 2, register: 0 }),
    linkLocalBits(),
    expr.compare({ register: 0, operator: '!=', bytes: Uint8Array.of(0xfe, 0x80) }),
  ];
}

function linkLocalBits(): Expression {
  const mask = Uint8Array.of(0xff, 0xc0);
  return expr.bitwise({ source: 0, destination: 0, length: 2, mask, xor: new Uint8Array(2) });
}

/** Goes on for packets in, or against, the direction that opened their flow; not where conntrack knows no flow. */
export function matchCourse(course: Course): Rule {
  return [
    expr.ct({ key: 'direction', register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(course === 'forth' ? 0 : 1) }),
  ];
}

/** Bits of `ct state`. */
export const STATE = { established: 2, related: 4, new: 8 } as const;

/** Goes on for packets that conntrack takes so. */
export function matchState(state: keyof typeof STATE): Rule {
  return [
    ...loadState(STATE[state]),
    expr.compare({ register: 0, operator: '!=', bytes: new Uint8Array(4) }),
  ];
}

/** The negation of `matchState`. */
export function matchNotState(state: keyof typeof STATE): Rule {
  return [
    ...loadState(STATE[state]),
    expr.compare({ register: 0, operator: '==', bytes: new Uint8Array(4) }),
  ];
}

function loadState(bit: number): Rule {
  return [
    expr.ct({ key: 'state', register: 0 }),
    expr.bitwise({
      source: 0,
      destination: 0,
      length: 4,
      mask: numberBytes(bit),
      xor: new Uint8Array(4),
    }),
  ];
}

/** Loads the interface that the packet came in by. */
export function incoming(register: number): Expression {
  return expr.meta({ key: 'iif', register });
}

/** Loads the interface that it leaves by. */
export function outgoing(register: number): Expression {
  return expr.meta({ key: 'oif', register });
}
