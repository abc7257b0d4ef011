/**
 * The hooks. Whether a pod speaks for itself is seen before conntrack; policies judge behind destination NAT and before
 * source NAT, where a packet has its real ends. What a node sends to its own pods is never judged (C13).
 */
import type { DropReason } from '../../../generated/policy.ts';
import { type Expression, expr } from '../../../kernel/native.ts';
import type { Family } from '../../../model/address.ts';
import { DIRECTIONS, type Direction } from '../../../model/policy-rows.ts';
import type { Chain } from '../chains/chain.ts';
import {
  addressWidth,
  forEachFamily,
  goTo,
  inSet,
  jumpTo,
  loadAddress,
  loadNumber,
  lookUp,
  lookUpNumber,
  matchFamily,
  notInSet,
  type Rule,
} from '../chains/matching.ts';
import {
  incoming,
  matchCourse,
  matchHopLimit,
  matchLinkLocalSource,
  matchMessage,
  matchNeighbourProtocol,
  matchNotLinkLocal,
  matchNotState,
  matchProtocol,
  matchState,
  outgoing,
  PROTOCOL,
} from './conditions.ts';
import { endsOf, judgingChain } from './judging-chains.ts';
import { COURSES, type Course, JUDGED_MS, policySet } from './layout.ts';
import { tell } from './log-rules.ts';
import { dropSourceRoutes, routingHeaderChains } from './source-routes.ts';

/** Behind the reassembly of fragments (-400), before conntrack (-200): what is spoofed makes no entry. */
const BEFORE_TRACKING = -300;
/** Before others' filters: what we drop they need not see. */
const BEFORE_FILTERS = -10;
const ACCEPT = expr.verdict({ code: 'accept' });
const MESSAGE = { advertisement: 134, neighbourAdvertisement: 136, redirect: 137 } as const;

/** Counters that `figures.ts` reads: chains of this name count flows. */
export function flowChain(what: 'allowed' | 'audited', direction: Direction): string {
  return `${what}-${direction}`;
}

export interface SkeletonOptions {
  /** Denied packets are answered. */
  readonly reject: boolean;
  /** Where verdicts are logged; null: nowhere. */
  readonly logGroup: number | null;
}

export function hookChains(options: SkeletonOptions): readonly Chain[] {
  const drop = (reason: DropReason, direction: Direction) => dropChain(reason, direction, options);
  return [
    prerouting(),
    fromPodNeighbour(),
    forward(),
    { name: 'back', about: 'packets back to who opened the flow', rules: [...judgeEnds('back'), remember()] },
    related(),
    input(),
    output(),
    ...routingHeaderChains(),
    ...DIRECTIONS.flatMap((direction) => [
      allowed(direction, options),
      audited(direction, options),
      deny(direction, options),
      ...(['closed', 'no-verdict', 'source-route'] as const).map((reason) => drop(reason, direction)),
    ]),
    ...(['spoofed-source', 'spoofed-neighbour', 'rogue-router'] as const).map((reason) =>
      drop(reason, 'egress'),
    ),
  ];
}

function allowed(direction: Direction, options: SkeletonOptions): Chain {
  return {
    name: flowChain('allowed', direction),
    about: 'passes; new flows are counted',
    rules: [
      [...matchState('new'), expr.counter()],
      ...tell(options, { kind: 'allow', reason: 'none', direction }, matchState('new')),
    ],
  };
}

/** Open flows are told of as well: the policy may have come after them. */
function audited(direction: Direction, options: SkeletonOptions): Chain {
  return {
    name: flowChain('audited', direction),
    about: 'passes, and an audited policy would deny it; new flows are counted',
    rules: [
      [...matchState('new'), expr.counter()],
      ...tell(options, { kind: 'audit', reason: 'none', direction }, matchCourse('forth')),
    ],
  };
}

/** The chains of a table that only closes: addresses by which nobody is known, and those of some pods. */
export function closedChains(hasNetworks: boolean): readonly Chain[] {
  const silent: SkeletonOptions = { reject: false, logGroup: null };
  const base = { type: 'filter', policy: 'accept', priority: BEFORE_FILTERS } as const;
  const unknown = (direction: Direction) => (hasNetworks ? closeUnknown(direction) : []);
  return [
    {
      name: 'prerouting',
      about: 'from addresses of pod networks: known pods only',
      base: { ...base, hook: 'prerouting', priority: BEFORE_TRACKING },
      rules: unknown('egress'),
    },
    {
      name: 'forward',
      about: 'from and to pods that are closed nothing; to addresses of pod networks: known pods only',
      base: { ...base, hook: 'forward' },
      rules: [...closePods('egress'), ...closePods('ingress'), ...unknown('ingress')],
    },
    {
      name: 'input',
      about: 'from pods that are closed: answers to the node only, which always reaches its pods',
      base: { ...base, hook: 'input' },
      rules: [...acceptNeighbours(), [...matchCourse('back'), ACCEPT], ...closePods('egress')],
    },
    ...DIRECTIONS.map((direction) => dropChain('closed', direction, silent)),
  ];
}

function dropChain(reason: DropReason, direction: Direction, options: SkeletonOptions): Chain {
  const about = `drop; counted (${reason}, ${direction})`;
  return {
    name: `drop-${reason}-${direction}`,
    about,
    rules: [
      ...tell(options, { kind: 'drop', reason, direction }, []),
      [expr.counter(), expr.verdict({ code: 'drop' })],
    ],
  };
}

/** A pod always reaches itself, by way of a Service too (C12). */
function deny(direction: Direction, options: SkeletonOptions): Chain {
  const refuse: readonly Rule[] = [
    [...matchProtocol(6), expr.counter(), expr.reject({ type: 'tcp-reset' })],
    [expr.counter(), expr.reject({ type: 'icmpx' })],
  ];
  return {
    name: `drop-policy-${direction}`,
    about: `a policy denies it, unless a pod reaches itself; counted (policy, ${direction})`,
    rules: [
      ...forEachFamily((family) => [
        loadAddress(family, 'source', 0),
        loadAddress(family, 'destination', addressWidth(family)),
        inSet(policySet('own', family), 0),
        ACCEPT,
      ]),
      ...tell(options, { kind: 'cut', reason: 'policy', direction }, [
        ...matchState('established'),
        ...matchCourse('forth'),
      ]),
      ...tell(options, { kind: 'drop', reason: 'policy', direction }, matchNotState('established')),
      ...(options.reject ? refuse : [[expr.counter(), expr.verdict({ code: 'drop' })]]),
    ],
  };
}

function prerouting(): Chain {
  const DHCPV6_REPLY = Uint8Array.of(547 >> 8, 547 & 0xff, 546 >> 8, 546 & 0xff);
  return {
    name: 'prerouting',
    about: 'from a pod: nothing that routers say, no address but its own',
    base: { type: 'filter', hook: 'prerouting', priority: BEFORE_TRACKING, policy: 'accept' },
    rules: [
      ...closeUnknown('egress'),
      [incoming(0), notInSet('pod-interface', 0), ACCEPT],
      ...dropSourceRoutes('egress', []),
      [...matchNeighbourProtocol(), jumpTo('from-pod-neighbour')],
      [
        ...matchFamily('IPv6'),
        ...matchProtocol(PROTOCOL.UDP),
        expr.payload({ base: 'transport', offset: 0, length: 4, register: 0 }),
        expr.compare({ register: 0, operator: '==', bytes: DHCPV6_REPLY }),
        goTo('drop-rogue-router-egress'),
      ],
      ...forEachFamily((family) => [
        incoming(0),
        loadAddress(family, 'source', 1),
        notInSet(policySet('pod-source', family), 0),
        goTo('drop-spoofed-source-egress'),
      ]),
      [incoming(0), inSet('closed-interface', 0), goTo('drop-closed-egress')],
    ],
  };
}

/** ICMPv6 from a pod. What its addresses on the link say about themselves is accepted; the rest goes on as any packet. */
function fromPodNeighbour(): Chain {
  const target = expr.payload({ base: 'transport', offset: 8, length: 16, register: 1 });
  const unspecified = [
    loadAddress('IPv6', 'source', 0),
    expr.compare({ register: 0, operator: '==', bytes: new Uint8Array(16) }),
  ];
  return {
    name: 'from-pod-neighbour',
    about: 'neighbour discovery and multicast listeners, from a pod',
    rules: [
      ...[MESSAGE.advertisement, MESSAGE.redirect].map((type) => [
        ...matchMessage(type, type),
        goTo('drop-rogue-router-egress'),
      ]),
      [
        ...matchMessage(MESSAGE.neighbourAdvertisement, MESSAGE.neighbourAdvertisement),
        incoming(0),
        target,
        notInSet('pod-source6', 0),
        ...matchNotLinkLocal(target),
        goTo('drop-spoofed-neighbour-egress'),
      ],
      ...onLink().flatMap((message) => [
        [...message, ...matchLinkLocalSource(), ACCEPT],
        [...message, ...unspecified, ACCEPT],
      ]),
    ],
  };
}

function forward(): Chain {
  return {
    name: 'forward',
    about: 'between a local pod and others: judged as the flow was opened',
    base: { type: 'filter', hook: 'forward', priority: BEFORE_FILTERS, policy: 'accept' },
    rules: [
      [outgoing(0), inSet('closed-interface', 0), goTo('drop-closed-ingress')],
      ...closeUnknown('ingress'),
      ...dropSourceRoutes('ingress', [outgoing(0), inSet('pod-interface', 0)]),
      passJudged(),
      ...acceptNeighbours(),
      ...goToRelated(),
      [...matchCourse('back'), goTo('back')],
      ...judgeEnds('forth'),
      remember(),
    ],
  };
}

/** A pod to its own node; what answers the node passes. */
function input(): Chain {
  return {
    name: 'input',
    about: 'from a local pod to its node; answers to the node pass',
    base: { type: 'filter', hook: 'input', priority: BEFORE_FILTERS, policy: 'accept' },
    rules: [
      ...acceptNeighbours(),
      ...goToRelated(),
      [...matchCourse('back'), ACCEPT],
      ...judgeEnd('egress', 'forth'),
    ],
  };
}

function output(): Chain {
  return {
    name: 'output',
    about: 'from the node: everything, but to pods that are closed yet',
    base: { type: 'filter', hook: 'output', priority: BEFORE_FILTERS, policy: 'accept' },
    rules: [...acceptNeighbours(), [outgoing(0), inSet('closed-interface', 0), goTo('drop-closed-ingress')]],
  };
}

/** An address of this node's pod networks that no known pod has. */
function closeUnknown(direction: Direction): readonly Rule[] {
  const { subject } = endsOf(direction, 'forth');
  return forEachFamily((family) => [
    loadAddress(family, subject, 0),
    inSet(policySet('pod-block', family), 0),
    loadAddress(family, subject, addressWidth(family)),
    notInSet(policySet('own', family), 0),
    goTo(`drop-closed-${direction}`),
  ]);
}

/** All pods that a table has: those that are judged by programs are not in it. */
function closePods(direction: Direction): readonly Rule[] {
  const { subject } = endsOf(direction, 'forth');
  return forEachFamily((family) => [
    loadAddress(family, subject, 0),
    lookUp(policySet('subject', family), 0, 4),
    goTo(`drop-closed-${direction}`),
  ]);
}

/** Most packets end here: their flow is open, and the rows of now allowed it a moment ago. */
function passJudged(): Rule {
  return [...matchState('established'), ...loadJudged(), inSet('judged', 1), ACCEPT];
}

/** Whoever comes here was allowed by both ends. */
function remember(): Rule {
  const add = expr.dynset({ set: 'judged', operation: 'add', key: 1, timeoutMs: JUDGED_MS });
  return [...matchState('established'), ...loadJudged(), add];
}

/** The flow's id and the rows' revision. */
function loadJudged(): Rule {
  return [loadNumber(0, 3), ...lookUpNumber('revision', 3, 2), expr.ct({ key: 'id', register: 1 })];
}

/** Both ends of a forwarded packet may be local pods: each is judged. */
function judgeEnds(course: Course): readonly Rule[] {
  return [...judgeEnd('egress', course), ...judgeEnd('ingress', course)];
}

function judgeEnd(direction: Direction, course: Course): readonly Rule[] {
  return forEachFamily((family) => [
    loadAddress(family, endsOf(direction, course).subject, 0),
    lookUp(policySet('subject', family), 0, 4),
    jumpTo(judgingChain(direction, course)),
  ]);
}

function goToRelated(): readonly Rule[] {
  return [PROTOCOL.ICMP, PROTOCOL.ICMPv6].map((protocol) => [
    ...matchProtocol(protocol),
    ...matchState('related'),
    goTo('related'),
  ]);
}

/**
 * ICMP errors about a flow that conntrack knows; it has seen to it that they go to an end of that flow. They may come from
 * the other end, or from a router on the way (C11): no pod of this node is one.
 */
function related(): Chain {
  return {
    name: 'related',
    about: 'ICMP errors about known flows: from their ends and from routers; what another pod says is judged',
    rules: [
      [incoming(0), notInSet('pod-interface', 0), ACCEPT],
      ...COURSES.flatMap((course) =>
        forEachFamily((family) => [
          ...matchCourse(course),
          loadAddress(family, 'source', 0),
          loadSender(family, course, addressWidth(family)),
          // It has each address of a local pod beside itself.
          inSet(policySet('own', family), 0),
          ACCEPT,
        ]),
      ),
      ...judgeEnd('egress', 'forth'),
    ],
  };
}

/** Where the flow's packets of this course come from. */
function loadSender(family: Family, course: Course, register: number): Expression {
  return expr.ct({
    key: family === 'IPv4' ? 'sourceAddress4' : 'sourceAddress6',
    direction: course === 'forth' ? 'original' : 'reply',
    register,
  });
}

function acceptNeighbours(): readonly Rule[] {
  return onLink().map((message) => [...matchNeighbourProtocol(), ...message, ACCEPT]);
}

/** What hosts say on their link: solicitations and advertisements (hop limit 255), multicast listeners (1). */
function onLink(): readonly Rule[] {
  return [
    [...matchMessage(133, 136), ...matchHopLimit(255)],
    [...matchMessage(130, 132), ...matchHopLimit(1)],
    [...matchMessage(143, 143), ...matchHopLimit(1)],
  ];
}
