/**
 * Packets that name further destinations, which would get them past the verdict for this one. nft finds the first header of a
 * kind only: so behind a routing header that is done nothing may come but the payload, where another could hide.
 */
import { expr } from '../../../kernel/native.ts';
import { DIRECTIONS, type Direction } from '../../../model/policy-rows.ts';
import type { Chain } from '../chains/chain.ts';
import { goTo, jumpTo, matchFamily, type Rule } from '../chains/matching.ts';

const ROUTING = 43;
/** Kinds of extension headers; fragments are put together before. */
const EXTENSIONS = [0, ROUTING, 51, 60, 135, 139, 140] as const;
const LOOSE = 131;
const STRICT = 137;
/** The first byte of an IPv4 header without options. */
const PLAIN = 0x45;

/** Rules that drop such packets where `condition` holds. */
export function dropSourceRoutes(direction: Direction, condition: Rule): readonly Rule[] {
  return [
    ...[LOOSE, STRICT].map((type) => [
      ...matchFamily('IPv4'),
      // Few packets have options: most rules end here.
      expr.payload({ base: 'network', offset: 0, length: 1, register: 0 }),
      expr.compare({ register: 0, operator: '!=', bytes: Uint8Array.of(PLAIN) }),
      expr.exthdr({ of: 'ipv4', type, offset: 0, length: 1, present: true, register: 0 }),
      expr.compare({ register: 0, operator: '!=', bytes: new Uint8Array(1) }),
      ...condition,
      goTo(dropChainName(direction)),
    ]),
    [...matchFamily('IPv6'), loadRoutingHeader(0), ...condition, jumpTo(chainName(direction))],
  ];
}

export function routingHeaderChains(): readonly Chain[] {
  return DIRECTIONS.map((direction) => {
    const drop = goTo(dropChainName(direction));
    return {
      name: chainName(direction),
      about: 'a routing header: no destination may be still to come, nor another header that could name one',
      rules: [
        [loadRoutingHeader(3), expr.compare({ register: 0, operator: '!=', bytes: new Uint8Array(1) }), drop],
        ...EXTENSIONS.map((kind) => [
          loadRoutingHeader(0),
          expr.compare({ register: 0, operator: '==', bytes: Uint8Array.of(kind) }),
          drop,
        ]),
      ],
    };
  });
}

/** A byte of it: 0 tells what follows, 3 how many destinations are still to come. Ends the rule where there is none. */
function loadRoutingHeader(offset: 0 | 3) {
  return expr.exthdr({ of: 'ipv6', type: ROUTING, offset, length: 1, register: 0 });
}

function chainName(direction: Direction): string {
  return `routing-header-${direction}`;
}

function dropChainName(direction: Direction): string {
  return `drop-source-route-${direction}`;
}
