import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Command, type Expression, expr, expressionsEqual } from '../src/index.ts';
import * as arbitrary from './arbitraries.ts';
import { BASES, CASES, tcp } from './expression-cases.ts';
import { useNetworkNamespace } from './network-namespace.ts';

const namespace = useNetworkNamespace('rules');
const T = { family: 'inet', table: 't' } as const;

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
    object: 'timeout',
    ...T,
    timeout: 'patience',
    spec: { protocol: 'tcp', seconds: { 'syn-sent': 3, 'close-wait': 7 } },
  },
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

  it('stay with their timeouts while rules use those', async () => {
    const { nftables } = namespace;
    const timeout = { object: 'timeout', ...T, timeout: 'haste' } as const;
    const add = { verb: 'add', ...timeout, spec: { protocol: 'tcp', seconds: { 'syn-sent': 1 } } } as const;
    await nftables.commit([
      add,
      add,
      { verb: 'add', object: 'chain', ...T, chain: 'hasty' },
      {
        verb: 'add',
        object: 'rule',
        ...T,
        chain: 'hasty',
        expressions: [...tcp, expr.objref({ type: 'timeout', name: 'haste' })],
      },
    ]);
    expect(await namespace.nft('list table inet t')).toMatch(
      /ct timeout haste {\s+protocol tcp\s+l3proto inet\s+policy = { syn_sent ?: 1 }/,
    );
    expect(await namespace.nft('list chain inet t hasty')).toContain('ct timeout set "haste"');
    await expect(nftables.commit([{ verb: 'delete', ...timeout }])).rejects.toMatchObject({
      code: 'EBUSY',
      object: 'delete ct timeout inet t haste',
    });
    await nftables.commit([
      { verb: 'flush', object: 'chain', ...T, chain: 'hasty' },
      { verb: 'delete', ...timeout },
    ]);
    expect(await namespace.nft('list table inet t')).not.toContain('haste');
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
