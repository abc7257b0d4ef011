import { beforeAll, describe, expect, it } from 'vitest';
import { type Command, type SetElement, type SetSpec, toUint8Array } from '../src/index.ts';
import { useNetworkNamespace } from './network-namespace.ts';

const namespace = useNetworkNamespace('sets');
const T = { family: 'inet', table: 't' } as const;

const table: Command = { verb: 'add', object: 'table', ...T };
const set = (name: string, spec: SetSpec): Command => ({ verb: 'add', object: 'set', ...T, set: name, spec });
const put = (verb: 'add' | 'delete', name: string, elements: readonly SetElement[]): Command => {
  return { verb, object: 'elements', ...T, set: name, elements };
};
const byKey = (left: SetElement, right: SetElement) => (left.key < right.key ? -1 : 1);
const list = async (name: string) =>
  (await namespace.nftables.listElements('inet', 't', name, { encoding: 'binary' })).sort(byKey);
const ip = (last: number) => `\x0a\x00\x00${String.fromCharCode(last)}`;

beforeAll(async () => {
  await namespace.nftables.commit([table]);
});

describe('sets', () => {
  it('are listed with the spec they were made with', async () => {
    const specs: Readonly<Record<string, SetSpec>> = {
      plain: { key: ['ipv4_addr'] },
      services: {
        key: ['ipv4_addr', 'inet_proto', 'inet_service'],
        data: ['ipv4_addr', 'inet_service'],
        size: 4096,
        comment: 'backends',
      },
      verdicts6: { key: ['ipv6_addr'], data: 'verdict' },
      ranges: { key: ['ipv4_addr'], interval: true },
      policy: { key: ['mark', 'ipv6_addr', 'inet_proto', 'inet_service'], data: 'verdict', interval: true },
      affinity: {
        key: ['ipv4_addr', 'mark'],
        data: ['mark'],
        dynamic: true,
        timeout: true,
        defaultTimeoutMs: 60_000,
        size: 100,
      },
      wide: { key: ['integer:12'], data: ['integer:8'] },
      names: { key: ['ifname', 'ether_addr', 'ifindex'] },
    };
    await namespace.nftables.commit(Object.entries(specs).map(([name, spec]) => set(name, spec)));
    const listed = await namespace.nftables.listSets('inet', 't');
    for (const [name, spec] of Object.entries(specs)) {
      expect(listed.find((one) => one.set === name)).toMatchObject({ spec, anonymous: false });
      expect(listed.find((one) => one.set === name)?.spec).toEqual(spec);
    }
  });

  it('can be added again as they are', async () => {
    const again = set('again', { key: ['ipv4_addr'], comment: 'same' });
    await namespace.nftables.commit([table, again]);
    await namespace.nftables.commit([table, again, put('add', 'again', [{ key: ip(1) }])]);
    expect(await list('again')).toEqual([{ key: ip(1) }]);
  });

  it('take binary strings and Uint8Array for the same, and give either', async () => {
    const { nftables } = namespace;
    const [string, array] = [
      { key: ip(1), data: '\x01\x00\x00\x00' },
      { key: toUint8Array(ip(2)), data: toUint8Array('\x02\x00\x00\x00') },
    ];
    await nftables.commit([
      set('both', { key: ['ipv4_addr'], data: ['mark'] }),
      put('add', 'both', [string, array]),
    ]);
    expect(await list('both')).toEqual([string, { key: ip(2), data: '\x02\x00\x00\x00' }]);
    const bytes = await nftables.listElements('inet', 't', 'both');
    expect(bytes).toContainEqual({ key: toUint8Array(ip(1)), data: toUint8Array(string.data) });
    expect(bytes).toContainEqual(array);
  });

  it('show in nft with comments and values of their types', async () => {
    await namespace.nftables.commit([
      set('shown', { key: ['ipv4_addr', 'inet_service'], data: ['mark'], comment: 'seen' }),
      put('add', 'shown', [{ key: `${ip(9)}\x00\x50\x00\x00`, data: '\x07\x00\x00\x00', comment: 'web' }]),
    ]);
    const text = await namespace.nft('list map inet t shown');
    expect(text).toContain('comment "seen"');
    expect(text).toContain('10.0.0.9 . 80 comment "web" : 0x00000007');
    expect(await list('shown')).toMatchObject([{ comment: 'web' }]);
  });

  it('lose all elements in a flush', async () => {
    await namespace.nftables.commit([
      set('flushed', { key: ['ipv4_addr'] }),
      put('add', 'flushed', [{ key: ip(1) }, { key: ip(2) }]),
    ]);
    await namespace.nftables.commit([{ verb: 'flush', object: 'set', ...T, set: 'flushed' }]);
    expect(await list('flushed')).toEqual([]);
    await namespace.nftables.commit([{ verb: 'delete', object: 'set', ...T, set: 'flushed' }]);
    await expect(list('flushed')).rejects.toMatchObject({
      code: 'ENOENT',
      operation: 'listElements',
      object: 'set inet t flushed',
    });
  });
});

describe('elements', () => {
  it('time out after their own or the default life time', async () => {
    await namespace.nftables.commit([
      set('timed', { key: ['ipv4_addr'], timeout: true, defaultTimeoutMs: 3_600_000 }),
      put('add', 'timed', [{ key: ip(1) }, { key: ip(2), timeoutMs: 7_200_000 }]),
    ]);
    const [short, long] = await list('timed');
    expect(short?.expiresMs).toBeGreaterThan(3_000_000);
    expect(short?.expiresMs).toBeLessThanOrEqual(3_600_000);
    expect(long).toMatchObject({ timeoutMs: 7_200_000 });
    expect(long?.expiresMs).toBeGreaterThan(3_600_000);
    await namespace.nftables.commit([put('add', 'timed', [{ key: ip(3), timeoutMs: 20 }])]);
    await expect.poll(async () => (await list('timed')).length).toBe(2);
  });

  it('make intervals as pairs of first value and first value after', async () => {
    const range = [
      { key: ip(16) },
      { key: ip(32), intervalEnd: true },
      { key: ip(64) },
      { key: ip(65), intervalEnd: true },
    ];
    await namespace.nftables.commit([
      set('cidrs', { key: ['ipv4_addr'], interval: true }),
      put('add', 'cidrs', range),
    ]);
    expect((await list('cidrs')).filter(({ key }) => key !== '\x00\x00\x00\x00')).toEqual(range);
    expect(await namespace.nft('list set inet t cidrs')).toContain('{ 10.0.0.16/28, 10.0.0.64 }');
    await namespace.nftables.commit([put('delete', 'cidrs', range.slice(0, 2))]);
    expect(await namespace.nft('list set inet t cidrs')).toContain('{ 10.0.0.64 }');
  });

  it('make concatenated ranges with the last value of each field', async () => {
    const rule = {
      key: `${ip(0)}\x00\x50\x00\x00`,
      keyEnd: `${ip(255)}\x00\x5a\x00\x00`,
      data: { code: 'drop' },
    } as const;
    await namespace.nftables.commit([
      set('ports', { key: ['ipv4_addr', 'inet_service'], data: 'verdict', interval: true }),
      put('add', 'ports', [rule]),
    ]);
    expect(await list('ports')).toEqual([rule]);
    expect(await namespace.nft('list map inet t ports')).toContain('10.0.0.0/24 . 80-90 : drop');
    await namespace.nftables.commit([put('delete', 'ports', [rule])]);
    expect(await list('ports')).toEqual([]);
  });

  it('may go to a chain made in the same transaction', async () => {
    const elements: SetElement[] = [
      { key: ip(1), data: { code: 'goto', chain: 'new' } },
      { key: ip(2), data: { code: 'accept' } },
    ];
    await namespace.nftables.commit([
      { verb: 'add', object: 'chain', ...T, chain: 'new' },
      set('dispatch', { key: ['ipv4_addr'], data: 'verdict' }),
      put('add', 'dispatch', elements),
    ]);
    expect(await list('dispatch')).toEqual(elements);
    await namespace.nftables.commit([
      put('delete', 'dispatch', [{ key: ip(1) }]),
      { verb: 'delete', object: 'chain', ...T, chain: 'new' },
    ]);
    expect(await list('dispatch')).toEqual(elements.slice(1));
  });

  it('are replaced by delete and add in one transaction', async () => {
    const value = (last: string) => ({ key: ip(1), data: `${last}\x00\x00\x00` });
    await namespace.nftables.commit([
      set('replaced', { key: ['ipv4_addr'], data: ['mark'] }),
      put('add', 'replaced', [value('a')]),
    ]);
    await namespace.nftables.commit([
      put('delete', 'replaced', [value('a')]),
      put('add', 'replaced', [value('b')]),
    ]);
    expect(await list('replaced')).toEqual([value('b')]);
  });

  it('have a default in the catch-all element', async () => {
    const fallback: SetElement = { key: '', catchAll: true, data: { code: 'drop' } };
    await namespace.nftables.commit([
      set('caught', { key: ['ipv4_addr'], data: 'verdict' }),
      put('add', 'caught', [fallback]),
    ]);
    expect(await list('caught')).toEqual([fallback]);
    expect(await namespace.nft('list map inet t caught')).toContain('* : drop');
  });

  it('load by the hundred thousand and read back equal', async () => {
    const key = (index: number) =>
      String.fromCharCode(10, index >> 16, (index >> 8) & 255, index & 255, 6, 0, 0, 0, 0, 80, 0, 0);
    const elements = Array.from({ length: 100_000 }, (_, index) => ({
      key: key(index),
      data: `${key(index).slice(0, 4)}\x1f\x90\x00\x00`,
    }));
    await namespace.nftables.commit([
      set('many', {
        key: ['ipv4_addr', 'inet_proto', 'inet_service'],
        data: ['ipv4_addr', 'inet_service'],
        size: 200_000,
      }),
      put('add', 'many', elements),
    ]);
    const read = new Map(
      (await namespace.nftables.listElements('inet', 't', 'many', { encoding: 'binary' })).map((element) => [
        element.key,
        element.data,
      ]),
    );
    expect(read.size).toBe(elements.length);
    expect(elements.every((element) => read.get(element.key) === element.data)).toBe(true);
  }, 60_000);
});
