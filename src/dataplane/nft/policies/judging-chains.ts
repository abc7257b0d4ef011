/**
 * Where a packet of a local pod is judged, always as its flow was opened: `forth` reads the pod's end and the port as the
 * packet has them, `back` the other way round. Two hash look-ups find the rows of the peer, three more those for any.
 */
import { type Expression, expr } from '../../../kernel/native.ts';
import type { Family } from '../../../model/address.ts';
import { DIRECTIONS, type Direction } from '../../../model/policy-rows.ts';
import type { Chain } from '../chains/chain.ts';
import {
  forEachFamily,
  goByNumber,
  goTo,
  loadAddress,
  loadDestinationPort,
  loadNumber,
  loadProtocol,
  loadSourcePort,
  lookUp,
  lookUpNumber,
  type Rule,
} from '../chains/matching.ts';
import {
  ANY_PEER,
  COURSES,
  type Course,
  DIRECTION_NUMBER,
  groupRoute,
  PEER_KINDS,
  type PeerKind,
  PORT_BITS,
  policySet,
  verdictRoute,
} from './layout.ts';

/** One way of judging; each has chains of its own. */
interface View {
  readonly direction: Direction;
  readonly course: Course;
}

/** Registers: a key of `group` or `verdict`, an address to look up, and what comes out. */
const AT = { policyClass: 1, peer: 2, scope: 3, protocol: 4, port: 5, address: 8, outcome: 13 } as const;
/** Lengths of port prefixes, longest first; rows without ranges have only the first and the last. */
const ALL_LENGTHS = Array.from({ length: PORT_BITS + 1 }, (_, index) => PORT_BITS - index);
const WHOLE = [PORT_BITS, 0];

/** The chain that judges packets of this direction and course. */
export function judgingChain(direction: Direction, course: Course): string {
  return `${direction}-${course}`;
}

export function portChain(
  direction: Direction,
  course: Course,
  kind: PeerKind,
  what: 'ports' | 'ranges',
): string {
  return `${judgingChain(direction, course)}-${kind}-${what}`;
}

/** The packet's end that is the judged pod, and the other one. */
export function endsOf(direction: Direction, course: Course) {
  const podIsSource = (direction === 'egress') === (course === 'forth');
  return podIsSource
    ? ({ subject: 'source', peer: 'destination' } as const)
    : ({ subject: 'destination', peer: 'source' } as const);
}

export function judgingChains(): readonly Chain[] {
  return DIRECTIONS.flatMap((direction) =>
    COURSES.flatMap((course) => {
      const view = { direction, course };
      return [
        peerChain(view),
        anyChain(view),
        ...PEER_KINDS.flatMap((kind) => [
          portsChain(view, kind, 'ports', WHOLE),
          portsChain(view, kind, 'ranges', ALL_LENGTHS),
        ]),
      ];
    }),
  );
}

/** An address that has a class of its own is of no block. */
function peerChain(view: View): Chain {
  const { direction, course } = view;
  const { peer } = endsOf(direction, course);
  return {
    name: judgingChain(direction, course),
    about: `${direction}, packets ${course}: rows for the peer's address, else for its block, else for any peer`,
    rules: [
      ...forEachFamily((family) => lookUpGroup(view, 'address', family)),
      ...forEachFamily((family) => [
        loadAddress(family, peer, AT.address),
        lookUp(policySet('peer', family), AT.address, AT.outcome - 1),
        goTo(anyName(view)),
      ]),
      ...forEachFamily((family) => lookUpGroup(view, 'block', family)),
      [goTo(anyName(view))],
    ],
  };
}

function anyChain(view: View): Chain {
  return {
    name: anyName(view),
    about: `${view.direction}, packets ${view.course}: rows for any peer`,
    rules: [
      ...forEachFamily((family) => lookUpGroup(view, 'any', family)),
      [goTo(`drop-no-verdict-${view.direction}`)],
    ],
  };
}

/** Rows with ports: the longest prefix of the port decides, then the row for every protocol, then rows for any peer. */
function portsChain(view: View, kind: PeerKind, what: 'ports' | 'ranges', lengths: readonly number[]): Chain {
  const { direction, course } = view;
  const rules = lengths.flatMap((bits) =>
    forEachFamily((family) => [
      ...loadClasses(view, kind, family),
      loadNumber(scopeNumber(direction, bits), AT.scope),
      loadProtocol(AT.protocol),
      ...loadPort(view, bits),
      ...decide(direction),
    ]),
  );
  const everyProtocol = forEachFamily((family) => [
    ...loadClasses(view, kind, family),
    loadNumber(scopeNumber(direction, 0), AT.scope),
    loadNumber(0, AT.protocol),
    loadNumber(0, AT.port),
    ...decide(direction),
  ]);
  const next = kind === 'any' ? `drop-no-verdict-${direction}` : anyName(view);
  return {
    name: portChain(direction, course, kind, what),
    about: `${direction}, packets ${course}: rows of the ${kind} by ${what === 'ports' ? 'port' : 'prefix of the port'}`,
    rules: [...rules, ...everyProtocol, [goTo(next)]],
  };
}

/** The third field of a key of `verdict`. */
export function scopeNumber(direction: Direction, bits: number): number {
  return DIRECTION_NUMBER[direction] * 32 + bits;
}

function anyName({ direction, course }: View): string {
  return `${judgingChain(direction, course)}-any`;
}

function lookUpGroup(view: View, kind: PeerKind, family: Family): Rule {
  const { direction, course } = view;
  return [
    ...loadClasses(view, kind, family),
    loadNumber(DIRECTION_NUMBER[direction], AT.scope),
    ...goByNumber('group', AT.policyClass, AT.outcome, groupRoute(direction, course, kind)),
  ];
}

function decide(direction: Direction): Rule {
  return goByNumber('verdict', AT.policyClass, AT.outcome, verdictRoute(direction));
}

/** The peer comes first: each look-up writes the word before its number as well. */
function loadClasses({ direction, course }: View, kind: PeerKind, family: Family): Rule {
  const { subject, peer } = endsOf(direction, course);
  return [
    ...(kind === 'any'
      ? [loadNumber(ANY_PEER, AT.peer)]
      : [
          loadAddress(family, peer, AT.address),
          ...lookUpNumber(policySet(kind === 'address' ? 'peer' : 'peer-block', family), AT.address, AT.peer),
        ]),
    loadAddress(family, subject, AT.address),
    ...lookUpNumber(policySet('subject', family), AT.address, AT.policyClass),
  ];
}

function loadPort({ course }: View, bits: number): readonly Expression[] {
  if (bits === 0) return [loadNumber(0, AT.port)];
  const load = course === 'forth' ? loadDestinationPort(AT.port) : loadSourcePort(AT.port);
  if (bits === PORT_BITS) return [load];
  const mask = (0xffff << (PORT_BITS - bits)) & 0xffff;
  return [
    load,
    expr.bitwise({
      source: AT.port,
      destination: AT.port,
      length: 2,
      mask: Uint8Array.of(mask >> 8, mask & 0xff),
      xor: new Uint8Array(2),
    }),
  ];
}
