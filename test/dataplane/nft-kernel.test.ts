/** The nft backend on a real kernel, in a network namespace of its own: what is written, read back, repaired. */
import { execFileSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dataplane, TOO_LARGE } from '../../src/dataplane/dataplane.ts';
import { openNftDataplane } from '../../src/dataplane/nft/dataplane.ts';
import { openNftables } from '../../src/kernel/native.ts';
import type { Address } from '../../src/model/address.ts';
import {
  DEFAULT_BALANCING,
  type Rows,
  type Scheduler,
  type ServiceId,
  type ServiceRows,
} from '../../src/model/rows.ts';
import { changeBetween } from './row-changes.ts';
import { backend, NODE_PORT_RANGE, nodeRows, rowsArbitrary, serviceRows } from './rows-arbitrary.ts';

const NAMESPACE = `weir-test-nft-${process.pid}`;
const netns = `/run/netns/${NAMESPACE}`;
const log = {
  warn: (details: object, message: string) => {
    throw new Error(`${message}: ${JSON.stringify(details)}`);
  },
};

function nft(...args: string[]): string {
  return execFileSync('nsenter', [`--net=${netns}`, 'nft', ...args], { encoding: 'utf8' });
}

/** Without what differs from run to run: counters, handles, remaining timeouts. */
function listing(): string {
  return nft('list', 'table', 'inet', 'weir').replaceAll(/packets \d+ bytes \d+/g, '');
}

function open(): Promise<Dataplane> {
  return openNftDataplane({ log, nodePortRange: NODE_PORT_RANGE, netns });
}

const [node] = fc.sample(nodeRows(), { numRuns: 1, seed: 1 });
const [base] = fc.sample(serviceRows(1, 'IPv4'), { numRuns: 1, seed: 1 });

function rowsOf(...services: ServiceRows[]): Rows {
  if (node === undefined) throw new Error('no sample');
  return { node, services: new Map(services.map((rows) => [rows.id, rows])), addresses: new Map() };
}

function service(hosts: readonly number[], changes: Partial<ServiceRows> = {}): ServiceRows {
  if (base === undefined) throw new Error('no sample');
  const cluster = hosts.map((host) => backend('IPv4', host, 8080, false));
  const [frontend] = base.frontends;
  if (frontend === undefined) throw new Error('no frontend');
  const inside = cluster.length > 0 ? 'cluster' : 'reject';
  return {
    ...base,
    cluster,
    local: [],
    affinitySeconds: null,
    sourceRanges: null,
    frontends: [{ ...frontend, inside, outside: 'pass' }],
    ...changes,
  };
}

describe('nft backend in the kernel', () => {
  beforeAll(() => void execFileSync('ip', ['netns', 'add', NAMESPACE]));
  afterAll(() => void execFileSync('ip', ['netns', 'delete', NAMESPACE]));
  beforeEach(() => void nft('flush', 'ruleset'));

  it('writes rows, and a second sync writes nothing', async () => {
    const dataplane = await open();
    const first = await dataplane.sync(rowsOf(service([1, 2, 3])));
    expect(first.bytes).toBeGreaterThan(0);
    expect(listing()).toMatch(/chain pick-3 /);
    expect(listing()).toContain('comment "shop/service-1:http');
    expect(await dataplane.sync(rowsOf(service([1, 2, 3])))).toMatchObject({ bytes: 0, elementsAdded: 0 });
    await dataplane.close();
  });

  it('writes the difference only, and no chain row outlives its last user', async () => {
    const dataplane = await open();
    const many = Array.from({ length: 40 }, (_, index) => index + 1);
    await dataplane.sync(rowsOf(service(many)));
    expect(listing()).toMatch(/chain pick-40 /);
    const fewer = rowsOf(service(many.slice(0, 39)));
    const report = await dataplane.apply(changeBetween(rowsOf(service(many)), fewer));
    // The frontend's number and what it stands for are exchanged, and one slot goes.
    expect(report).toMatchObject({ elementsAdded: 2, elementsRemoved: 3, chainsAdded: 1, chainsRemoved: 1 });
    expect(listing()).toMatch(/chain pick-39 /);
    expect(listing()).not.toMatch(/chain pick-40 /);
    await dataplane.close();
  });

  it('refuses a change of too many elements, to write or to remove, and stays as it is', async () => {
    const dataplane = await open();
    const [few, many] = [
      rowsOf(service([1])),
      rowsOf(service(Array.from({ length: 40 }, (_, index) => index + 1))),
    ];
    await dataplane.sync(few);
    const before = listing();
    await expect(dataplane.apply(changeBetween(few, many), 10)).rejects.toMatchObject({ code: TOO_LARGE });
    expect(listing()).toBe(before);
    await dataplane.apply(changeBetween(few, many), 1000);
    await expect(dataplane.apply(changeBetween(many, rowsOf()), 10)).rejects.toMatchObject({
      code: TOO_LARGE,
    });
    expect(await dataplane.sync(many)).toMatchObject({ bytes: 0 });
    await dataplane.close();
  });

  it('[A58] has a chain for each way of choosing and number of slots, never one for each Service', async () => {
    const dataplane = await open();
    const crowd = (scheduler: Scheduler, network: number) =>
      Array.from({ length: 60 }, (_, index) => {
        const balancing = { ...DEFAULT_BALANCING, scheduler };
        const rows = service([1, 2, 3], {
          id: `shop/${scheduler}-${index}:/TCP/IPv4` as ServiceId,
          balancing,
        });
        const address = `10.97.${network}.${index + 1}` as Address;
        return { ...rows, frontends: rows.frontends.map((each) => ({ ...each, address })) };
      });
    const all = [crowd('rr', 1), crowd('wrr', 2), crowd('sh', 3), crowd('nq', 4)].flat();
    await dataplane.sync(rowsOf(...all));
    const chains = [...listing().matchAll(/chain ((?:turn|source|destination)-\S+)/g)].map(
      ([, name]) => name,
    );
    expect(chains.filter((name) => name?.startsWith('turn-3-'))).toHaveLength(16);
    expect(chains).toHaveLength(17);
    await dataplane.sync(rowsOf());
    expect(listing()).not.toMatch(/chain (turn|source|destination)-/);
    await dataplane.close();
  });

  it('ends, after random changes one by one, with what a new table would have', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rowsArbitrary(5), { minLength: 2, maxLength: 4 }), async (walk) => {
        nft('flush', 'ruleset');
        const dataplane = await open();
        const [first, ...rest] = walk;
        if (first === undefined) return;
        await dataplane.sync(first);
        let current = first;
        for (const next of rest) {
          await dataplane.apply(changeBetween(current, next));
          current = next;
        }
        expect(await dataplane.sync(current)).toMatchObject({ bytes: 0 });
        await dataplane.close();
      }),
      { numRuns: 15 },
    );
  });

  it('[H9] is taken over by a new process that changes the difference only and keeps service numbers', async () => {
    const old = await open();
    await old.sync(rowsOf(service([1, 2])));
    const number = /: 0x0+ \. (0x[0-9a-f]+)/.exec(nft('list', 'map', 'inet', 'weir', 'service4'))?.[1];
    await old.close();
    const restarted = await open();
    const report = await restarted.sync(rowsOf(service([1, 3])));
    expect(report).toMatchObject({ elementsAdded: 1, elementsRemoved: 1, chainsAdded: 0, chainsRemoved: 0 });
    expect(/: 0x0+ \. (0x[0-9a-f]+)/.exec(nft('list', 'map', 'inet', 'weir', 'service4'))?.[1]).toBe(number);
    await restarted.close();
  });

  it.each([
    ['the whole ruleset', ['flush', 'ruleset']],
    ['a chain', ['flush', 'chain', 'inet', 'weir', 'translated']],
    ['a pick chain', ['flush', 'chain', 'inet', 'weir', 'pick-2']],
    ['a chain row', ['flush', 'chain', 'inet', 'weir', 'stick-77']],
    ['a map', ['flush', 'map', 'inet', 'weir', 'slot4']],
  ])('notices that somebody flushed %s, and repairs it', async (_what, command) => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1, 2], { affinitySeconds: 77 })));
    const intact = listing();
    const noticed = new Promise<void>((resolve) => dataplane.onForeignChange(resolve));
    nft(...command);
    await noticed;
    expect((await dataplane.repair()).bytes).toBeGreaterThan(0);
    expect(listing().split('\n').sort()).toEqual(intact.split('\n').sort());
    expect(dataplane.status().repairs).toBe(1);
    await dataplane.close();
  });

  it('replaces a rule that somebody exchanged for another', async () => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1, 2])));
    const intact = listing();
    const noticed = new Promise<void>((resolve) => dataplane.onForeignChange(resolve));
    const [, handle = ''] =
      /drop # handle (\d+)/.exec(nft('-a', 'list', 'chain', 'inet', 'weir', 'discard')) ?? [];
    nft('replace', 'rule', 'inet', 'weir', 'discard', 'handle', handle, 'accept');
    await noticed;
    await dataplane.repair();
    expect(listing().split('\n').sort()).toEqual(intact.split('\n').sort());
    await dataplane.close();
  });

  it('repairs what somebody changed behind changes of its own, before any notice of it', async () => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1, 2])));
    const wanted = rowsOf(service([1, 2, 3]));
    await dataplane.apply(changeBetween(rowsOf(service([1, 2])), wanted));
    const intact = listing();
    // No notice is read in between: the generation of the ruleset alone tells.
    nft('flush', 'map', 'inet', 'weir', 'slot4');
    expect((await dataplane.repair()).elementsAdded).toBe(3);
    expect(listing().split('\n').sort()).toEqual(intact.split('\n').sort());
    await dataplane.close();
  });

  it('rewrites nothing when somebody changed the table and changed it back', async () => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1, 2])));
    const noticed = new Promise<void>((resolve) => dataplane.onForeignChange(resolve));
    nft('add', 'element', 'inet', 'weir', 'cluster-ip4', '{ 192.0.2.1 }');
    nft('delete', 'element', 'inet', 'weir', 'cluster-ip4', '{ 192.0.2.1 }');
    await noticed;
    expect(await dataplane.repair()).toMatchObject({ bytes: 0 });
    await dataplane.close();
  });

  it('reads nothing back because others, policies among them, change tables of their own', async () => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1])));
    await dataplane.apply(changeBetween(rowsOf(service([1])), rowsOf(service([1, 2]))));
    nft('add', 'table', 'ip', 'other');
    const readingsAfterTheirs = async () => {
      const before = dataplane.status().readings;
      nft('add', 'chain', 'ip', 'other', `chain-${before}`);
      await setTimeout(20);
      await dataplane.repair();
      return dataplane.status().readings - before;
    };
    await expect.poll(readingsAfterTheirs).toBe(0);
    const noticed = new Promise<void>((resolve) => dataplane.onForeignChange(resolve));
    nft('flush', 'map', 'inet', 'weir', 'slot4');
    await noticed;
    expect((await dataplane.repair()).elementsAdded).toBe(2);
    await dataplane.close();
  });

  it('[H4] takes over a table with sets, chains and hooks of another version', async () => {
    nft('add', 'table', 'inet', 'weir');
    nft('add', 'set', 'inet', 'weir', 'cluster-ip4', '{ type ipv4_addr; }');
    nft('add', 'set', 'inet', 'weir', 'of-another-time', '{ type ipv4_addr; }');
    nft('add', 'chain', 'inet', 'weir', 'output', '{ type nat hook output priority -90; }');
    nft('add', 'chain', 'inet', 'weir', 'of-another-time');
    nft('add', 'rule', 'inet', 'weir', 'output', 'jump', 'of-another-time');
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1, 2])));
    expect(listing()).not.toContain('of-another-time');
    expect(listing()).toContain('hook output priority -105');
    expect(await dataplane.sync(rowsOf(service([1, 2])))).toMatchObject({ bytes: 0 });
    await dataplane.close();
  });

  it('[H4] starts anew where a set is of another type', async () => {
    nft('add', 'table', 'inet', 'weir');
    nft('add', 'set', 'inet', 'weir', 'cluster-ip4', '{ type inet_service; }');
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1, 2])));
    expect(await dataplane.sync(rowsOf(service([1, 2])))).toMatchObject({ bytes: 0 });
    await dataplane.close();
  });

  it('leaves other tables alone, and they do not wake it', async () => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1])));
    let woken = 0;
    dataplane.onForeignChange(() => {
      woken += 1;
    });
    nft('add', 'table', 'ip', 'other');
    nft('add', 'chain', 'ip', 'other', 'postrouting', '{ type nat hook postrouting priority 100; }');
    const other = nft('list', 'table', 'ip', 'other');
    await dataplane.apply(changeBetween(rowsOf(service([1])), rowsOf(service([1, 2]))));
    expect(woken).toBe(0);
    expect(nft('list', 'table', 'ip', 'other')).toBe(other);
    await dataplane.close();
  });

  it('is not woken by those who change tables of their own while it begins', async () => {
    const others = await openNftables({ netns });
    const dataplane = await open();
    let woken = 0;
    dataplane.onForeignChange(() => {
      woken += 1;
    });
    let begins = true;
    const begun = dataplane.sync(rowsOf(service([1, 2]))).finally(() => {
      begins = false;
    });
    // Few: who reads while anything changes begins again, and not for ever.
    for (let written = 0; begins && written < 6; written++) {
      const place = { object: 'table', family: 'ip', table: `other-${written}` } as const;
      await others.commit([{ verb: 'add', ...place }]);
      await setTimeout(10);
    }
    expect((await begun).bytes).toBeGreaterThan(0);
    expect(woken).toBe(0);
    nft('flush', 'map', 'inet', 'weir', 'slot4');
    await expect.poll(() => woken).toBe(1);
    expect((await dataplane.repair()).elementsAdded).toBe(2);
    await dataplane.close();
    await others.close();
  });

  it('puts new chains over those of an older skeleton and keeps what affinity learnt', async () => {
    const older = await openNftDataplane({ log, nodePortRange: [20000, 20100] as never, netns });
    const rows = rowsOf(service([1], { affinitySeconds: 60 }));
    await older.sync(rows);
    await older.close();
    nft(
      'add',
      'element',
      'inet',
      'weir',
      'affinity4',
      '{ 10.1.0.9 . 0x1 timeout 60s : 0x1 . 10.2.0.1 . 8080 }',
    );
    const newer = await open();
    await newer.sync(rows);
    expect(listing()).toContain('29999');
    expect(nft('list', 'map', 'inet', 'weir', 'affinity4')).toContain('10.1.0.9');
    expect(await newer.sync(rows)).toMatchObject({ bytes: 0 });
    await newer.close();
  });

  it('[H7] changes nothing when the kernel refuses, and recovers with the next change', async () => {
    const dataplane = await open();
    await dataplane.sync(rowsOf(service([1])));
    nft('delete', 'table', 'inet', 'weir');
    const report = await dataplane
      .apply(changeBetween(rowsOf(service([1])), rowsOf(service([1, 2]))))
      .catch(() => dataplane.apply(changeBetween(rowsOf(service([1, 2])), rowsOf(service([1, 2])))));
    expect(report.bytes).toBeGreaterThan(0);
    expect(listing()).toMatch(/chain pick-2 /);
    await dataplane.close();
  });

  it('[H8] takes back a change that the kernel refuses, so that others can go in without it', async () => {
    const dataplane = await open();
    const good = rowsOf(service([1]));
    await dataplane.sync(good);
    // IPv4 addresses in the IPv6 sets: keys of the wrong length.
    const refused = service([1], { id: 'shop/odd:http/TCP/IPv4' as ServiceId, family: 'IPv6' });
    const rows = rowsOf(service([1]), refused);
    await expect(dataplane.apply(changeBetween(good, rows))).rejects.toThrow(/nftables refused/);
    const report = await dataplane.apply(changeBetween(good, rowsOf(service([1, 2]))));
    expect(report.bytes).toBeGreaterThan(0);
    expect(listing()).toMatch(/chain pick-2 /);
    expect(listing()).not.toContain('shop/odd');
    expect(await dataplane.sync(rowsOf(service([1, 2])))).toMatchObject({ bytes: 0 });
    await dataplane.close();
  });
});
