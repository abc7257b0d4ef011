/** Behind the translation: what is remembered of it, and who is masqueraded: only those whose replies would not come back here. */

import { type Expression, expr } from '../../../kernel/native.ts';
import type { Port } from '../../../model/names.ts';
import { familySet } from '../layout.ts';
import type { Chain } from './chain.ts';
import { perOriginalKey } from './frontend-key.ts';
import {
  addressWidth,
  follow,
  forEachFamily,
  frontendWidth,
  goTo,
  inSet,
  jumpTo,
  loadAddress,
  loadProtocol,
  lookUpNumber,
  lookUpService,
  matchTcp,
  matchTranslated,
  notInSet,
  numberBytes,
  type Rule,
} from './matching.ts';
import { attemptChain } from './retry.ts';

/** Just before others' masquerading: a flow of ours that needs none is left to them. */
const BEFORE_SOURCE_NAT = 95;
const FIRST_UNPRIVILEGED_PORT = 1024;
const LAST_PORT = 65535;

export interface PostroutingOptions {
  readonly nodePortRange: readonly [Port, Port];
  /** Unanswered connections are tried with another backend. */
  readonly retries: boolean;
}

export function postroutingChains({ nodePortRange, retries }: PostroutingOptions): readonly Chain[] {
  return [
    {
      name: 'postrouting',
      about: 'behind the translation: what is remembered, and who needs it is masqueraded',
      base: { type: 'nat', hook: 'postrouting', priority: BEFORE_SOURCE_NAT, policy: 'accept' },
      rules: [[...matchTranslated(), jumpTo('translated')], ...leavingCluster()],
    },
    {
      name: 'input',
      about: 'behind the translation to an address of this node: what is remembered of all others as well',
      base: { type: 'nat', hook: 'input', priority: BEFORE_SOURCE_NAT, policy: 'accept' },
      rules: [[...matchTranslated(), jumpTo('remember')]],
    },
    {
      name: 'translated',
      about: 'remember; masquerade hairpins, and outside clients of backends elsewhere',
      rules: [
        [jumpTo('remember')],
        ...hairpin(),
        ...ifProtocolIn('masquerade-all', 'always'),
        ...stays(),
        ...ours(),
      ],
    },
    {
      name: 'remember',
      about: 'whom an attempt goes to, and the backend that affinity keeps',
      rules: [
        ...(retries ? [[...matchTcp(), jumpTo('attempt')]] : []),
        ...ifProtocolIn('sticky-protocol', 'learn'),
      ],
    },
    ...(retries ? [attemptChain()] : []),
    { name: 'learn', about: 'service: affinity seconds, the chain that remembers so long', rules: learn() },
    { name: 'always', about: '--masquerade-all: every flow that was translated here', rules: ours() },
    {
      name: 'masquerading',
      about: 'never with a source port of the node-port range',
      rules: masquerade(nodePortRange),
    },
  ];
}

function learn(): readonly Rule[] {
  return perOriginalKey((family, loadKey) => {
    const service = frontendWidth(family);
    return [
      ...loadKey,
      ...lookUpService(family, service),
      ...lookUpNumber('sticky-learn', service, service + 1),
      follow('stick', service + 1),
    ];
  });
}

/** A pod that reaches itself through a Service would answer itself directly; it must see the node instead. */
function hairpin(): readonly Rule[] {
  return forEachFamily((family) => [
    loadAddress(family, 'source', 0),
    loadAddress(family, 'destination', addressWidth(family)),
    inSet(familySet('hairpin', family), 0),
    goTo('masquerading'),
  ]);
}

/** What only some clusters need costs the others one look-up. */
function ifProtocolIn(set: 'sticky-protocol' | 'masquerade-all', chain: string): readonly Rule[] {
  return [[loadProtocol(0), inSet(set, 0), jumpTo(chain)]];
}

/** Replies come back through this node when the backend is here (done) or the client is (unless it leaves the cluster). */
function stays(): readonly Rule[] {
  return [
    ...forEachFamily((family) => [
      loadAddress(family, 'destination', 0),
      inSet(familySet('local-backend', family), 0),
      expr.verdict({ code: 'accept' }),
    ]),
    ...forEachFamily((family) => [
      loadAddress(family, 'source', 0),
      inSet(familySet('inside', family), 0),
      expr.verdict({ code: 'return' }),
    ]),
  ];
}

/** Everybody else that we translated; flows that others translated are theirs to masquerade. */
function ours(): readonly Rule[] {
  return perOriginalKey((family, loadKey) => [
    ...loadKey,
    ...lookUpService(family, frontendWidth(family)),
    goTo('masquerading'),
  ]);
}

function leavingCluster(): readonly Rule[] {
  return forEachFamily((family) => [
    loadAddress(family, 'source', 0),
    inSet(familySet('masquerade-source', family), 0),
    loadAddress(family, 'destination', 0),
    notInSet(familySet('non-masquerade', family), 0),
    goTo('masquerading'),
  ]);
}

/**
 * Source ports come from below and above the node-port range in turns, never from inside it (A73): a reply must not look
 * like a new connection to a node port. Random, since two processors that pick the same port lose a packet.
 */
function masquerade([first, last]: readonly [Port, Port]): readonly Rule[] {
  const ranges = [
    [FIRST_UNPRIVILEGED_PORT, first - 1],
    [last + 1, LAST_PORT],
  ].filter(([low = 0, high = 0]) => low <= high);
  const rules = ranges.map(([low = 0, high = 0], index): Rule => {
    const turn = index < ranges.length - 1 ? everyOtherTime() : [];
    return [...turn, ...loadPorts(low, high), masqueradeFromPorts()];
  });
  return [...rules, [expr.masquerade({})]];
}

function everyOtherTime(): Rule {
  return [
    expr.numgen({ type: 'incremental', modulus: 2, register: 0 }),
    expr.compare({ register: 0, operator: '==', bytes: numberBytes(0) }),
  ];
}

function loadPorts(low: number, high: number): Rule {
  const bytes = (port: number) => Uint8Array.of(port >> 8, port & 0xff);
  return [
    expr.immediate({ register: 1, bytes: bytes(low) }),
    expr.immediate({ register: 2, bytes: bytes(high) }),
  ];
}

function masqueradeFromPorts(): Expression {
  return expr.masquerade({ portMin: 1, portMax: 2, flags: ['fully-random'] });
}
