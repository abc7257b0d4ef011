import { describe, expect, it } from 'vitest';
import { type Command, type MonitorEvent, NftError, openNftables, type SetElement } from '../src/index.ts';
import { useNetworkNamespace } from './network-namespace.ts';

const namespace = useNetworkNamespace('connection');
const T = { family: 'inet', table: 't' } as const;
const table: Command = { verb: 'add', object: 'table', ...T };
const chain = (name: string): Command => ({ verb: 'add', object: 'chain', ...T, chain: name });
const set: Command = { verb: 'add', object: 'set', ...T, set: 's', spec: { key: ['ipv4_addr'] } };
const elements = (verb: 'add' | 'delete', list: readonly SetElement[]): Command => {
  return { verb, object: 'elements', ...T, set: 's', elements: list };
};
const ip = (number: number) => `\x0a\x00${String.fromCharCode(number >> 8, number & 255)}`;

describe('a transaction', () => {
  it('that fails in the middle changes nothing and names the command', async () => {
    const { nftables } = namespace;
    const before = await nftables.generation();
    const failing = nftables.commit([
      table,
      chain('first'),
      { verb: 'delete', object: 'chain', ...T, chain: 'missing' },
      chain('second'),
    ]);
    await expect(failing).rejects.toBeInstanceOf(NftError);
    await expect(failing).rejects.toMatchObject({
      code: 'ENOENT',
      errno: 2,
      operation: 'commit',
      object: 'delete chain inet t missing',
      message: expect.stringContaining('delete chain inet t missing'),
    });
    expect(await nftables.listTables()).toEqual([]);
    expect(await nftables.generation()).toBe(before);
  });

  it('that fails at one of many elements names that element', async () => {
    const { nftables } = namespace;
    await nftables.commit([
      table,
      set,
      elements(
        'add',
        Array.from({ length: 1000 }, (_, index) => ({ key: ip(index) })),
      ),
    ]);
    const present = Array.from({ length: 900 }, (_, index) => ({ key: ip(index) }));
    const failing = nftables.commit([set, elements('delete', present.with(777, { key: ip(5000) }))]);
    await expect(failing).rejects.toMatchObject({
      code: 'ENOENT',
      object: 'delete element inet t s { 10.0.19.136 }',
    });
    expect(await nftables.listElements('inet', 't', 's')).toHaveLength(1000);
  });

  it('is held off by a generation check when anybody changed the ruleset', async () => {
    const { nftables } = namespace;
    await nftables.commit([table]);
    const generation = await nftables.generation();
    await nftables.commit([chain('mine')], { generation });
    expect(await nftables.generation()).toBe(generation + 1);
    await namespace.nft('add chain inet t foreign');
    const current = await nftables.generation();
    const stale = nftables.commit([chain('late')], { generation: generation + 1 });
    await expect(stale).rejects.toMatchObject({
      code: 'ERESTART',
      object: 'the whole transaction of 1 commands',
    });
    await nftables.commit([chain('late')], { generation: current });
  });

  it('without commands does nothing', async () => {
    const before = await namespace.nftables.generation();
    expect(await namespace.nftables.commit([])).toEqual({ bytes: 0 });
    expect(await namespace.nftables.commit([elements('add', [])])).toEqual({ bytes: 0 });
    expect(await namespace.nftables.generation()).toBe(before);
  });

  it('takes effect in the order of the calls', async () => {
    const { nftables } = namespace;
    await nftables.commit([table, set]);
    const steps = Array.from({ length: 40 }, (_, index) => {
      return nftables.commit([elements(index % 2 === 0 ? 'add' : 'delete', [{ key: ip(4000) }])]);
    });
    await Promise.all(steps);
    expect(await nftables.listElements('inet', 't', 's', { encoding: 'binary' })).not.toContainEqual({
      key: ip(4000),
    });
  });

  it('that cannot be written is refused before anything is sent', async () => {
    const bad: Command = { verb: 'add', object: 'rule', ...T, chain: 'c', comment: 'x'.repeat(200) };
    await expect(namespace.nftables.commit([table, bad])).rejects.toThrow('comment of 200 bytes');
  });
});

describe('a monitor', () => {
  it('tells own commits from those of another program and what they changed', async () => {
    const { nftables } = namespace;
    await nftables.commit([table, set]);
    const events: MonitorEvent[] = [];
    const monitor = nftables.monitor((event) => events.push(event));
    await nftables.commit([chain('watched'), elements('add', [{ key: ip(6000) }, { key: ip(6001) }])]);
    await namespace.nft('add rule inet t watched accept');
    await nftables.runText('delete element inet t s { 10.0.23.112 }');
    const last = await nftables.generation();
    await expect.poll(() => events.at(-1)?.generation).toBe(last);
    monitor.close();
    const within = { family: 'inet', table: 't' };
    expect(events).toMatchObject([
      {
        ours: true,
        generation: last - 2,
        changes: [
          { verb: 'add', object: 'chain', name: 'watched', count: 1, ...within },
          { verb: 'add', object: 'elements', name: 's', count: 2, ...within },
        ],
      },
      {
        ours: false,
        processName: 'nft',
        changes: [{ verb: 'add', object: 'rule', name: 'watched', handle: expect.any(Number) }],
      },
      { ours: true, changes: [{ verb: 'delete', object: 'elements', name: 's', count: 1 }] },
    ]);
    expect(events[1]?.processId).not.toBe(process.pid);
  });

  it('is silent once closed', async () => {
    const { nftables } = namespace;
    await nftables.commit([table]);
    const events: MonitorEvent[] = [];
    const closed = nftables.monitor((event) => events.push(event));
    const open: MonitorEvent[] = [];
    const other = nftables.monitor((event) => open.push(event));
    closed.close();
    closed.close();
    await nftables.commit([chain('unseen')]);
    await expect.poll(() => open.length).toBe(1);
    other.close();
    expect(events).toEqual([]);
  });
});

describe('text commands', () => {
  it('run in the same namespace and return what they print', async () => {
    const { nftables } = namespace;
    expect(await nftables.runText('add table ip texts; add chain ip texts c')).toBe('');
    expect(await nftables.listChains('ip', 'texts')).toMatchObject([{ chain: 'c' }]);
    expect(await nftables.runText('list table ip texts')).toContain('chain c {');
    const json: unknown = JSON.parse(await nftables.runText('list table ip texts', { json: true }));
    expect(json).toMatchObject({
      nftables: expect.arrayContaining([{ chain: expect.objectContaining({ name: 'c' }) }]),
    });
  });

  it('fail with what libnftables says about them', async () => {
    await expect(namespace.nftables.runText('add chain ip nowhere c')).rejects.toMatchObject({
      operation: 'runText',
      object: 'add chain ip nowhere c',
      message: expect.stringContaining('No such file or directory'),
    });
  });
});

describe('opening', () => {
  it('fails with the call and the path when the namespace is not there', async () => {
    await expect(openNftables({ netns: '/run/netns/nftjs-missing' })).rejects.toMatchObject({
      name: 'NftError',
      code: 'ENOENT',
      operation: 'open',
      object: '/run/netns/nftjs-missing',
    });
  });

  it('fails with the call when the path is no namespace', async () => {
    await expect(openNftables({ netns: '/dev/null' })).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('setns /dev/null'),
    });
  });

  it('gives a connection that refuses work once closed', async () => {
    const nftables = await openNftables({ netns: namespace.path });
    const listed = nftables.listTables();
    await nftables.close();
    await expect(listed).resolves.toBeInstanceOf(Array);
    await expect(nftables.generation()).rejects.toThrow('closed');
    await nftables.close();
  });
});
