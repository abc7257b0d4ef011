/** Policy rows in the kernel's table: what is written, read back and repaired, in a network namespace of its own. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openNftPolicies } from '../../../src/dataplane/nft/policies/backend.ts';
import type { Address, Prefix } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';
import type { PeerClassName, PolicyRows } from '../../../src/model/policy-rows.ts';
import { deniedBut, rowsOf } from '../../packet/policy-rows.ts';
import { anyState, changeOf, NOTHING } from '../bpf/policy-walk.ts';

const NAMESPACE = `weir-test-npt-${process.pid}`;
const netns = `/run/netns/${NAMESPACE}`;
const POD = 'test/web' as ObjectName;
const NO_INTERFACES = new Map();
const NO_CHANGE = { peers: new Map(), subjects: new Map(), classes: new Map(), rules: new Map() };

function nft(...args: readonly string[]): string {
  return execFileSync('nsenter', [`--net=${netns}`, 'nft', ...args], { encoding: 'utf8' });
}

function listing(): string {
  return nft('list', 'table', 'inet', 'weir-policy').replaceAll(
    /packets \d+ bytes \d+|0x0+ : 0x0+ \. 0x\w+/g,
    '',
  );
}

const open = (onForeignChange = () => {}) =>
  openNftPolicies({ reject: false, closedPrefixes: [], onVerdict: () => {}, onForeignChange, netns });

/** One pod that lets two peers in, and `count` peers more that no row names. */
function rows(count = 0): PolicyRows {
  const others = Array.from({ length: count }, (_, index) => [
    `10.${100 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`,
    `other ${index % 100}`,
  ]);
  return rowsOf(
    POD,
    ['10.9.0.2' as Address],
    { '10.1.0.1/32': 'friend', '10.1.0.0/16': 'office', '10.1.2.0/24': null, ...Object.fromEntries(others) },
    deniedBut(
      { direction: 'ingress', peer: 'friend', protocol: 'TCP', port: 80, verdict: 'allow' },
      { direction: 'ingress', peer: 'office', protocol: 'TCP', port: 8192, bits: 3, verdict: 'allow' },
    ),
  );
}

describe('policy rows in nftables', () => {
  beforeAll(() => void execFileSync('ip', ['netns', 'add', NAMESPACE]));
  afterAll(() => void execFileSync('ip', ['netns', 'del', NAMESPACE]));
  beforeEach(() => void nft('flush', 'ruleset'));

  it('writes rows, and a second sync and a new process write nothing', async () => {
    const backend = await open();
    expect((await backend.sync(rows(), NO_INTERFACES)).written).toBeGreaterThan(0);
    const before = listing();
    expect(before).toContain('10.9.0.2');
    expect(await backend.sync(rows(), NO_INTERFACES)).toMatchObject({ written: 0 });
    await backend.close();
    const restarted = await open();
    expect(await restarted.sync(rows(), NO_INTERFACES)).toMatchObject({ written: 0, revision: 1 });
    expect(listing()).toBe(before);
    await restarted.close();
  });

  it('ends, after random changes one by one, with what a new table would have', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyState, { minLength: 2, maxLength: 4 }), async (walk) => {
        nft('flush', 'ruleset');
        const backend = await open();
        await backend.sync(NOTHING.rows, NOTHING.interfaces);
        let current = NOTHING;
        for (const next of walk) {
          await backend.apply(changeOf(current, next));
          current = next;
        }
        expect(await backend.sync(current.rows, current.interfaces)).toMatchObject({ written: 0 });
        await backend.close();
        const restarted = await open();
        expect(await restarted.sync(current.rows, current.interfaces)).toMatchObject({ written: 0 });
        await restarted.close();
      }),
      { numRuns: 20 },
    );
  });

  it('[C24] leaves nothing of rows that came and went a hundred times', async () => {
    const backend = await open();
    await backend.sync(NOTHING.rows, NO_INTERFACES);
    const empty = listing();
    const state = { rows: rows(), interfaces: NO_INTERFACES };
    for (let time = 0; time < 100; time++) {
      await backend.apply(changeOf(NOTHING, state));
      await backend.apply(changeOf(state, NOTHING));
    }
    expect(listing()).toBe(empty);
    await backend.close();
  });

  it('writes of a change what changed, among 10,000 peers', async () => {
    const backend = await open();
    const many = rows(10_000);
    await backend.sync(many, NO_INTERFACES);
    const prefix = '10.100.0.5/32' as Prefix;
    const peers = new Map([[prefix, { prefix, peerClass: 'friend' as PeerClassName }]]);
    const change = { ...NO_CHANGE, peers };
    // The peer's old number and its new one.
    expect(await backend.apply({ rows: change })).toMatchObject({ written: 2 });
    await backend.close();
  });

  it('cuts blocks out of each other: the longest prefix decides, and one without a class has none', async () => {
    const backend = await open();
    await backend.sync(rows(), NO_INTERFACES);
    expect(nft('list', 'map', 'inet', 'weir-policy', 'peer-block4')).toMatch(
      /10\.1\.0\.0\/23 : (.*), 10\.1\.3\.0-10\.1\.255\.255 : \1/,
    );
    await backend.close();
  });

  it('[H6] leaves the table in the kernel when the process ends', async () => {
    const backend = await open();
    await backend.sync(rows(), NO_INTERFACES);
    const before = listing();
    await backend.close();
    expect(listing()).toBe(before);
  });

  it.each([
    ['the whole ruleset', ['flush', 'ruleset']],
    ['a chain', ['flush', 'chain', 'inet', 'weir-policy', 'drop-policy-ingress']],
    ['a pod', ['delete', 'element', 'inet', 'weir-policy', 'subject4', '{ 10.9.0.2 }']],
    ['a hook', ['add', 'rule', 'inet', 'weir-policy', 'forward', 'accept']],
  ])(
    '[H19] tells at once that somebody else took away or changed %s, and restores it',
    async (_, command) => {
      const told = Promise.withResolvers<void>();
      const backend = await open(told.resolve);
      await backend.sync(rows(), NO_INTERFACES);
      const before = listing();
      nft(...command);
      await told.promise;
      await backend.repair();
      expect(listing()).toBe(before);
      await backend.close();
    },
  );

  it('[H7] changes nothing when the kernel refuses, and recovers with the next change', async () => {
    const backend = await open();
    await backend.sync(rows(), NO_INTERFACES);
    nft('delete', 'element', 'inet', 'weir-policy', 'subject4', '{ 10.9.0.2 }');
    const changed = listing();
    const gone = { ...NO_CHANGE, subjects: new Map([[POD, null]]) };
    await expect(backend.apply({ rows: gone })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(listing()).toBe(changed);
    await backend.apply({ rows: { ...NO_CHANGE, subjects: rows().subjects } });
    expect(await backend.sync(rows(), NO_INTERFACES)).toMatchObject({ written: 0 });
    expect(listing()).not.toBe(changed);
    await backend.close();
  });
});
