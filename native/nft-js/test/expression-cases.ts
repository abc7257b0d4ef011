/** Rules for the kernel: each kind of expression in a chain that may hold it. */
import { type BaseChain, type Expression, expr } from '../src/index.ts';

/** Base chains by name. */
export const BASES = {
  filter: { type: 'filter', hook: 'input', priority: 0, policy: 'accept' },
  raw: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
  prerouting: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
  postrouting: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
} as const satisfies Record<string, BaseChain>;

const two = (register: number) => expr.immediate({ register, bytes: '\x0a\x00\x00\x01' });
const port = (register: number) => expr.immediate({ register, bytes: '\x1f\x90' });
/** Ports can be translated only where the protocol is known. */
export const tcp = [
  expr.meta({ key: 'l4proto', register: 0 }),
  expr.compare({ register: 0, operator: '==', bytes: '\x06' }),
];

type Case = readonly [chain: keyof typeof BASES, ...expressions: Expression[]];
type Kind = Exclude<Expression['kind'], 'raw'>;

/** Rules the kernel must take and give back as they are, by the kind of expression they are about. */
export const CASES: Readonly<Record<Kind, readonly Case[]>> = {
  payload: (['link', 'network', 'transport'] as const).map((base) => [
    'filter',
    expr.payload({ base, offset: 2, length: 6, register: 5 }),
  ]),
  exthdr: [
    ['filter', expr.exthdr({ of: 'ipv6', type: 43, offset: 3, length: 1, register: 0 })],
    ['filter', expr.exthdr({ of: 'ipv6', type: 0, offset: 0, length: 1, present: true, register: 4 })],
    ['filter', expr.exthdr({ of: 'ipv4', type: 131, offset: 0, length: 1, present: true, register: 0 })],
  ],
  meta: (
    [
      'l4proto',
      'nfproto',
      'iif',
      'oif',
      'iifname',
      'oifname',
      'mark',
      'skuid',
      'pkttype',
      'length',
      'cpu',
    ] as const
  ).map((key) => ['filter', expr.meta({ key, register: 4 })]),
  metaSet: [['filter', two(0), expr.metaSet({ key: 'mark', source: 0 })]],
  immediate: [
    ['filter', expr.immediate({ register: 0, bytes: '0123456789abcdef' })],
    ['filter', expr.immediate({ register: 15, bytes: '\x00\xff' })],
  ],
  verdict: [
    ...(['accept', 'drop', 'continue', 'return'] as const).map(
      (code): Case => ['filter', expr.verdict({ code })],
    ),
    ...(['jump', 'goto'] as const).map((code): Case => ['filter', expr.verdict({ code, chain: 'other' })]),
  ],
  compare: (['==', '!=', '<', '<=', '>', '>='] as const).flatMap((operator): Case[] => [
    ['filter', two(3), expr.compare({ register: 3, operator, bytes: '\x0a\x00\x00\x02' })],
    [
      'filter',
      expr.meta({ key: 'iifname', register: 4 }),
      expr.compare({ register: 4, operator, bytes: 'eth0'.padEnd(16, '\x00') }),
    ],
  ]),
  bitwise: [
    [
      'filter',
      two(0),
      expr.bitwise({
        source: 0,
        destination: 1,
        length: 4,
        mask: '\xff\xff\x00\x00',
        xor: '\x00\x00\x00\x01',
      }),
    ],
    [
      'filter',
      expr.meta({ key: 'iifname', register: 0 }),
      expr.bitwise({
        source: 0,
        destination: 8,
        length: 16,
        mask: '\xf0'.repeat(16),
        xor: '\x00'.repeat(16),
      }),
    ],
  ],
  lookup: [
    ['filter', two(0), expr.lookup({ set: 'addresses', source: 0 })],
    ['filter', two(0), expr.lookup({ set: 'addresses', source: 0, invert: true })],
    ['filter', two(0), expr.lookup({ set: 'marks', source: 0, destination: 9 })],
    ['filter', two(0), expr.lookup({ set: 'verdicts', source: 0, destination: 'verdict' })],
  ],
  ct: [
    ...(['state', 'status', 'mark', 'direction', 'expiration', 'l3protocol', 'protocol'] as const).map(
      (key): Case => ['filter', expr.ct({ key, register: 2 })],
    ),
    ...(['original', 'reply'] as const).flatMap((direction) =>
      (
        [
          'sourceAddress4',
          'destinationAddress4',
          'sourceAddress6',
          'destinationAddress6',
          'sourcePort',
          'destinationPort',
        ] as const
      ).map((key): Case => ['filter', expr.ct({ key, direction, register: 4 })]),
    ),
  ],
  fib: [
    ['filter', expr.fib({ result: 'type', flags: ['daddr'], register: 0 })],
    ['filter', expr.fib({ result: 'type', flags: ['saddr', 'iif'], register: 0 })],
    ['raw', expr.fib({ result: 'oif', flags: ['saddr', 'mark', 'iif'], register: 1 })],
    ['raw', expr.fib({ result: 'oifname', flags: ['saddr', 'iif'], register: 4 })],
    ['raw', expr.fib({ result: 'oif', flags: ['saddr', 'present'], register: 4 })],
  ],
  numgen: [
    ['filter', expr.numgen({ type: 'random', modulus: 3, register: 1 })],
    ['filter', expr.numgen({ type: 'incremental', modulus: 7, offset: 100, register: 1 })],
  ],
  hash: [
    [
      'filter',
      two(0),
      expr.hash({
        type: 'jenkins',
        source: 0,
        length: 4,
        modulus: 9,
        seed: 0xdeadbeef,
        offset: 2,
        register: 1,
      }),
    ],
    ['filter', two(0), expr.hash({ type: 'jenkins', source: 0, length: 4, modulus: 9, register: 1 })],
    ['filter', expr.hash({ type: 'symmetric', modulus: 5, offset: 1, register: 1 })],
  ],
  nat: [
    ['prerouting', two(0), expr.nat({ type: 'dnat', family: 'ip', addressMin: 0 })],
    [
      'prerouting',
      ...tcp,
      two(0),
      port(1),
      expr.nat({ type: 'dnat', family: 'ip', addressMin: 0, portMin: 1, flags: ['persistent'] }),
    ],
    [
      'prerouting',
      ...tcp,
      two(0),
      two(2),
      port(1),
      port(3),
      expr.nat({ type: 'dnat', family: 'ip', addressMin: 0, addressMax: 2, portMin: 1, portMax: 3 }),
    ],
    [
      'postrouting',
      two(0),
      expr.nat({ type: 'snat', family: 'ip', addressMin: 0, flags: ['random', 'fully-random'] }),
    ],
    [
      'postrouting',
      expr.immediate({ register: 0, bytes: 'f'.repeat(16) }),
      expr.nat({ type: 'snat', family: 'ip6', addressMin: 0 }),
    ],
  ],
  masquerade: [
    ['postrouting', expr.masquerade()],
    ['postrouting', expr.masquerade({ flags: ['fully-random'] })],
    ['postrouting', ...tcp, port(0), port(1), expr.masquerade({ portMin: 0, portMax: 1 })],
  ],
  redirect: [
    ['prerouting', expr.redirect()],
    ['prerouting', ...tcp, port(0), expr.redirect({ portMin: 0, flags: ['persistent'] })],
  ],
  reject: [
    ['filter', expr.reject({ type: 'tcp-reset' })],
    ...(['port-unreachable', 'host-unreachable', 'admin-prohibited', 'no-route'] as const).flatMap(
      (code): Case[] => [
        ['filter', expr.reject({ type: 'icmpx', code })],
        ['filter', expr.reject({ type: 'icmp', code })],
      ],
    ),
  ],
  dynset: [
    ['filter', two(0), expr.dynset({ set: 'seen', operation: 'add', key: 0 })],
    ['filter', two(0), expr.dynset({ set: 'seen', operation: 'update', key: 0, timeoutMs: 10_000 })],
    ['filter', two(0), expr.dynset({ set: 'seen', operation: 'delete', key: 0 })],
    [
      'filter',
      two(0),
      two(1),
      expr.dynset({ set: 'affinity', operation: 'update', key: 0, data: 1, timeoutMs: 3_000 }),
    ],
  ],
  counter: [
    ['filter', expr.counter()],
    ['filter', expr.counter({ packets: 3, bytes: 2 ** 40 })],
  ],
  limit: [
    ['filter', expr.limit({ rate: 10, unit: 'second' })],
    ['filter', expr.limit({ rate: 1, unit: 'minute', burst: 3, over: true })],
    ['filter', expr.limit({ type: 'bytes', rate: 1_000_000, unit: 'hour', burst: 4096 })],
  ],
  connlimit: [
    ['filter', expr.connlimit({ count: 5 })],
    ['filter', expr.connlimit({ count: 5, over: true })],
  ],
  quota: [
    ['filter', expr.quota({ bytes: 2 ** 33 })],
    ['filter', expr.quota({ bytes: 10, over: true })],
  ],
  log: [
    ['filter', expr.log()],
    ['filter', expr.log({ prefix: 'weir ' })],
    ['filter', expr.log({ group: 3, prefix: 'p', snaplen: 96 })],
  ],
  notrack: [['raw', expr.notrack()]],
  objref: [['prerouting', ...tcp, expr.objref({ type: 'timeout', name: 'patience' })]],
};
