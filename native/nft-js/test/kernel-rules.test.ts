import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BaseChain, type Command, type Expression, expr, expressionsEqual } from '../src/index.ts';
import * as arbitrary from './arbitraries.ts';
import { useNetworkNamespace } from './network-namespace.ts';

const namespace = useNetworkNamespace('rules');
const T = { family: 'inet', table: 't' } as const;

const BASES = {
  filter: { type: 'filter', hook: 'input', priority: 0, policy: 'accept' },
  raw: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
  prerouting: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
  postrouting: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
} as const satisfies Record<string, BaseChain>;

const two = (register: number) => expr.immediate({ register, bytes: '\x0a\x00\x00\x01' });
const port = (register: number) => expr.immediate({ register, bytes: '\x1f\x90' });
/** Ports can be translated only where the protocol is known. */
const tcp = [
  expr.meta({ key: 'l4proto', register: 0 }),
  expr.compare({ register: 0, operator: '==', bytes: '\x06' }),
];

type Case = readonly [chain: keyof typeof BASES, ...expressions: Expression[]];
type Kind = Exclude<Expression['kind'], 'raw'>;

/** Rules the kernel must take and give back as they are, by the kind of expression they are about. */
const CASES: Readonly<Record<Kind, readonly Case[]>> = {
  payload: (['link', 'network', 'transport'] as const).map((base) => [
    'filter',
    expr.payload({ base, offset: 2, length: 6, register: 5 }),
  ]),
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
};

const skeleton: readonly Command[] = [
  { verb: 'add', object: 'table', ...T },
  { verb: 'add', object: 'chain', ...T, chain: 'other' },
  ...Object.entries(BASES).map(
    ([chain, base]): Command => ({ verb: 'add', object: 'chain', ...T, chain, base }),
  ),
  { verb: 'add', object: 'set', ...T, set: 'addresses', spec: { key: ['ipv4_addr'] } },
  { verb: 'add', object: 'set', ...T, set: 'marks', spec: { key: ['ipv4_addr'], data: ['mark'] } },
  { verb: 'add', object: 'set', ...T, set: 'verdicts', spec: { key: ['ipv4_addr'], data: 'verdict' } },
  {
    verb: 'add',
    object: 'set',
    ...T,
    set: 'seen',
    spec: { key: ['ipv4_addr'], dynamic: true, timeout: true, size: 99 },
  },
  {
    verb: 'add',
    object: 'set',
    ...T,
    set: 'affinity',
    spec: { key: ['ipv4_addr'], data: ['mark'], dynamic: true, timeout: true, size: 99 },
  },
];

beforeAll(async () => {
  await namespace.nftables.commit(skeleton);
});

async function roundTrip(chain: string, expressions: readonly Expression[]): Promise<readonly Expression[]> {
  const { nftables } = namespace;
  await nftables.commit([
    { verb: 'flush', object: 'chain', ...T, chain },
    { verb: 'add', object: 'rule', ...T, chain, expressions },
  ]);
  const rules = await nftables.listRules('inet', 't', chain);
  expect(rules).toHaveLength(1);
  return rules[0]?.expressions ?? [];
}

describe('the kernel takes and gives back', () => {
  it.each(Object.entries(CASES))('%s', async (kind, cases) => {
    for (const [chain, ...expressions] of cases) {
      expect(expressions.some((expression) => expression.kind === kind)).toBe(true);
      const read = await roundTrip(chain, expressions);
      expect(read).toEqual(expressions);
      expect(expressionsEqual(read, expressions)).toBe(true);
    }
  });

  it('loads, comparisons and masks of any register and length that fits', async () => {
    // A value of up to 16 bytes; kernels refuse a mask whose source and destination overlap in part.
    const arbitraryRule = fc
      .record({
        lower: fc.integer({ min: 0, max: 4 }),
        upper: fc.integer({ min: 8, max: 12 }),
        swapped: fc.boolean(),
        inPlace: fc.boolean(),
        length: fc.integer({ min: 1, max: 16 }),
      })
      .chain(({ lower, upper, swapped, inPlace, length }) => {
        const source = swapped ? upper : lower;
        const destination = inPlace ? source : lower + upper - source;
        return fc
          .tuple(arbitrary.binary(length, length), arbitrary.binary(length, length))
          .map(([bytes, mask]) => [
            expr.payload({ base: 'network', offset: 4, length, register: source }),
            expr.bitwise({ source, destination, length, mask, xor: bytes }),
            expr.compare({ register: destination, operator: '!=', bytes }),
            expr.immediate({ register: source, bytes }),
          ]);
      });
    await fc.assert(
      fc.asyncProperty(arbitraryRule, async (expressions) => {
        expect(await roundTrip('filter', expressions)).toEqual(expressions);
      }),
      { numRuns: 60 },
    );
  });
});

describe('rules', () => {
  it('stand in the order of add and insert, around a handle if one is given, and are deleted by it', async () => {
    const { nftables } = namespace;
    const rule = (verb: 'add' | 'insert', comment: string, handle?: number): Command => {
      return { verb, object: 'rule', ...T, chain: 'other', comment, ...(handle !== undefined && { handle }) };
    };
    const comments = async () =>
      (await nftables.listRules('inet', 't', 'other')).map(({ comment }) => comment);
    await nftables.commit([rule('add', 'b'), rule('add', 'd'), rule('insert', 'a')]);
    const b = (await nftables.listRules('inet', 't', 'other'))[1]?.handle ?? 0;
    await nftables.commit([rule('add', 'c', b), rule('insert', 'a2', b)]);
    expect(await comments()).toEqual(['a', 'a2', 'b', 'c', 'd']);
    await nftables.commit([{ verb: 'delete', object: 'rule', ...T, chain: 'other', handle: BigInt(b) }]);
    expect(await comments()).toEqual(['a', 'a2', 'c', 'd']);
    await nftables.commit([{ verb: 'flush', object: 'chain', ...T, chain: 'other' }]);
    expect(await comments()).toEqual([]);
  });

  it('reach nft as the rules they are meant to be', async () => {
    const { nftables } = namespace;
    await nftables.commit([
      {
        verb: 'add',
        object: 'chain',
        ...T,
        chain: 'shown',
        base: { ...BASES.filter, hook: 'forward', priority: 5 },
        comment: 'chain',
      },
      {
        verb: 'add',
        object: 'rule',
        ...T,
        chain: 'shown',
        comment: 'rule',
        expressions: [
          ...tcp,
          expr.payload({ base: 'transport', offset: 2, length: 2, register: 0 }),
          expr.compare({ register: 0, operator: '==', bytes: '\x00\x50' }),
          expr.counter(),
          expr.verdict({ code: 'drop' }),
        ],
      },
    ]);
    const text = await namespace.nft('list chain inet t shown');
    expect(text).toContain('comment "chain"');
    expect(text).toMatch(/type filter hook forward priority (filter \+ )?5; policy accept;/);
    expect(text).toContain('tcp dport 80 counter packets 0 bytes 0 drop comment "rule"');
  });

  it('of kinds without a shape here are read as raw and can be written again', async () => {
    const { nftables } = namespace;
    await namespace.nft('add rule inet t other tcp dport != 100-200');
    const [rule] = await nftables.listRules('inet', 't', 'other');
    expect(rule?.expressions.map(({ kind }) => kind)).toContain('raw');
    expect(await roundTrip('other', rule?.expressions ?? [])).toEqual(rule?.expressions);
  });
});

describe('chains and tables', () => {
  it('are listed with what they were made with', async () => {
    const { nftables } = namespace;
    const chains = await nftables.listChains('inet', 't');
    for (const [chain, base] of Object.entries(BASES))
      expect(chains).toContainEqual(expect.objectContaining({ chain, base }));
    expect(chains.find(({ chain }) => chain === 'other')).not.toHaveProperty('base');
    await nftables.commit([
      { verb: 'add', object: 'table', family: 'netdev', table: 'dev', comment: 'edge' },
      {
        verb: 'add',
        object: 'chain',
        family: 'netdev',
        table: 'dev',
        chain: 'in',
        base: { type: 'filter', hook: 'ingress', device: 'lo', priority: 0, policy: 'accept' },
      },
    ]);
    expect(await nftables.listTables()).toContainEqual(
      expect.objectContaining({ family: 'netdev', table: 'dev', comment: 'edge' }),
    );
    expect(await nftables.listChains('netdev', 'dev')).toMatchObject([
      { chain: 'in', base: { hook: 'ingress', type: 'filter' } },
    ]);
  });

  it('that are not there have nothing in them', async () => {
    const { nftables } = namespace;
    expect(await nftables.listChains('inet', 'missing')).toEqual([]);
    expect(await nftables.listRules('inet', 'missing')).toEqual([]);
    expect(await nftables.listSets('inet', 'missing')).toEqual([]);
    expect(await nftables.listRules('inet', 't', 'missing')).toEqual([]);
  });

  it('are destroyed whether they are there or not, but deleted only if they are', async () => {
    const { nftables } = namespace;
    const table = { object: 'table', family: 'ip', table: 'gone' } as const;
    await nftables.commit([
      { verb: 'add', ...table },
      { verb: 'destroy', ...table },
    ]);
    await nftables.commit([{ verb: 'destroy', ...table }]);
    await expect(nftables.commit([{ verb: 'delete', ...table }])).rejects.toMatchObject({
      code: 'ENOENT',
      object: 'delete table ip gone',
    });
  });
});
