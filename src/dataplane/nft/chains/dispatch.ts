/**
 * Prerouting and output: where a new connection goes. nat chains see the first packet of a connection only, and may
 * refuse or drop it as well, so this is all there is: an established connection pays for conntrack and nothing else.
 */
import { expr } from '../../../kernel/native.ts';
import { DIRECTIONS, type Direction, familySet } from '../layout.ts';
import type { Chain } from './chain.ts';
import { loadFrontend } from './frontend-key.ts';
import {
  forEachFamily,
  frontendWidth,
  goByNumber,
  goTo,
  inSet,
  loadAddress,
  loadProtocol,
  lookUp,
  matchEchoRequest,
  matchLocalDestination,
  matchLoopbackDestination,
  matchTcp,
  type Rule,
  translate,
} from './matching.ts';

/** Just before others' translation (docker, firewalld, iptables-nft at -100): what we serve is ours, the rest theirs. */
const BEFORE_DESTINATION_NAT = -105;

export function dispatchChains(): readonly Chain[] {
  return [
    {
      name: 'prerouting',
      about: 'new connections: from a pod of this node, or from elsewhere',
      base: { type: 'nat', hook: 'prerouting', priority: BEFORE_DESTINATION_NAT, policy: 'accept' },
      rules: [
        ...forEachFamily((family) => [
          loadAddress(family, 'source', 0),
          inSet(familySet('inside', family), 0),
          goTo('inside'),
        ]),
        [goTo('outside')],
      ],
    },
    {
      name: 'output',
      about: 'new connections of this node',
      base: { type: 'nat', hook: 'output', priority: BEFORE_DESTINATION_NAT, policy: 'accept' },
      rules: [[goTo('inside')]],
    },
    ...DIRECTIONS.flatMap((direction) => [frontends(direction), thisNode(direction), addresses(direction)]),
    ...refusals(),
  ];
}

/** Exact frontends first, then this node's ports, then (from inside) other nodes' ports, then bare addresses. */
function frontends(direction: Direction): Chain {
  return {
    name: direction,
    about: 'frontend: its number in frontend-*, what that stands for in route',
    rules: [
      ...forEachFamily((family) => [
        ...loadFrontend(family, 'exact'),
        ...goByNumber(familySet(`frontend-${direction}`, family), 0, frontendWidth(family), 'route'),
      ]),
      [...matchLocalDestination(), goTo(`${direction}-node`)],
      ...(direction === 'inside' ? elsewhere() : []),
      [goTo(`${direction}-address`)],
    ],
  };
}

function elsewhere(): readonly Rule[] {
  return forEachFamily((family) => [
    loadAddress(family, 'destination', 0),
    inSet(familySet('other-node', family), 0),
    ...loadFrontend(family, 'elsewhere'),
    ...goByNumber(familySet('frontend-inside', family), 0, frontendWidth(family), 'route'),
  ]);
}

/** The packet is for an address of this node: host ports at one or any of them, node ports where they are served. */
function thisNode(direction: Direction): Chain {
  return {
    name: `${direction}-node`,
    about: 'an address of this node: host ports, then node ports',
    rules: [
      ...forEachFamily((family) => [...matchLoopbackDestination(family), expr.verdict({ code: 'accept' })]),
      ...(['exact', 'anyAddress'] as const).flatMap((scope) =>
        forEachFamily((family) => [
          ...loadFrontend(family, scope),
          ...goByNumber(familySet(`host-port-${direction}`, family), 0, frontendWidth(family), 'route'),
        ]),
      ),
      ...forEachFamily((family) => [
        loadAddress(family, 'destination', 0),
        inSet(familySet('node-port-address', family), 0),
        ...loadFrontend(family, 'anyAddress'),
        ...goByNumber(familySet(`frontend-${direction}`, family), 0, frontendWidth(family), 'route'),
      ]),
      [goTo(`${direction}-address`)],
    ],
  };
}

/** No frontend matched: pings are answered by this node, known and reserved service addresses go no further. */
function addresses(direction: Direction): Chain {
  return {
    name: `${direction}-address`,
    about: 'no frontend: pings of Services are answered, other ports of cluster IPs refused',
    rules: [
      ...forEachFamily((family) => [
        ...matchEchoRequest(family),
        loadAddress(family, 'destination', 0),
        inSet(familySet(`pingable-${direction}`, family), 0),
        loadProtocol(0),
        lookUp(familySet('echo', family), 0, 1),
        translate(family, 1),
      ]),
      ...(direction === 'outside' ? endAt('hidden-cluster-ip', 'discard') : []),
      ...endAt('cluster-ip', 'refuse'),
      ...endAt('service-cidr', 'discard'),
    ],
  };
}

function endAt(set: 'hidden-cluster-ip' | 'cluster-ip' | 'service-cidr', chain: string): readonly Rule[] {
  return forEachFamily((family) => [
    loadAddress(family, 'destination', 0),
    inSet(familySet(set, family), 0),
    goTo(chain),
  ]);
}

/** TCP gets a reset, which no ICMP rate limit holds back; counters tell how often each happened. */
function refusals(): readonly Chain[] {
  return [
    {
      name: 'refuse',
      about: 'no endpoint, or no such port',
      rules: [
        [...matchTcp(), expr.counter(), expr.reject({ type: 'tcp-reset' })],
        [expr.counter(), expr.reject({ type: 'icmpx', code: 'port-unreachable' })],
      ],
    },
    {
      name: 'discard',
      about: 'not for this client, or nobody has the address',
      rules: [[expr.counter(), expr.verdict({ code: 'drop' })]],
    },
  ];
}
