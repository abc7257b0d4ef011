/** What is closed beside programs on interfaces, in the kernel: a node with pods in network namespaces of its own. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type ClosedTable,
  openClosedTable,
  type Standing,
} from '../../../src/dataplane/nft/policies/closed-table.ts';
import { FAMILIES, type Prefix } from '../../../src/model/address.ts';
import { addressesOf, addressOf, createPodNetwork, type PodNetwork } from './pod-network.ts';

const standing = (pod: 'web' | 'client', how: Standing | null) =>
  new Map(addressesOf(pod).map((address) => [address, how] as const));
const WEB = standing('web', 'closed');
const WEB_OPEN = standing('web', null);
const NOTHING = new Map<never, never>();

let network: PodNetwork;
let table: ClosedTable;
const disturbances: string[] = [];
beforeAll(async () => {
  network = await createPodNetwork(`weir-tct-${process.pid}`);
});
afterAll(() => network?.close());
beforeEach(() => void network.run('node', 'nft', 'flush', 'ruleset'));
afterEach(() => table.end());

const open = async (networks: readonly string[] = []) => {
  table = await openClosedTable(
    networks as readonly Prefix[],
    () => void disturbances.push('changed'),
    network.netns,
  );
};
const listing = () => network.run('node', 'nft', 'list', 'ruleset');
const outcomes = () =>
  Promise.all(
    FAMILIES.flatMap((family) => [
      network.ask('remote', { address: addressOf('web', family) }),
      network.ask('web', { address: addressOf('remote', family) }),
      network.ask('client', { address: addressOf('remote', family) }),
    ]),
  );
const SHUT = ['blocked', 'blocked', 'allowed', 'blocked', 'blocked', 'allowed'];
const OPEN = SHUT.map(() => 'allowed');

describe('the table of what is closed', () => {
  it('[C17] [H6] closes addresses both ways, counts what it drops, and opens them again', async () => {
    await open();
    await table.set(NOTHING);
    await table.set(WEB);
    expect(await outcomes()).toEqual(SHUT);
    const { ingress, egress } = await table.drops();
    expect(Math.min(ingress, egress)).toBeGreaterThanOrEqual(2);
    await table.set(WEB_OPEN);
    expect(await outcomes()).toEqual(OPEN);
  });

  it('[C13] lets the node reach what is closed, and not the other way round', async () => {
    await open();
    await table.set(WEB);
    for (const family of FAMILIES) {
      // As if they had not met before.
      network.run('node', 'ip', 'neigh', 'flush', 'all');
      network.run('web', 'ip', 'neigh', 'flush', 'all');
      const [web, node] = [addressOf('web', family), addressOf('node', family)];
      expect(await network.ask('node', { address: web })).toBe('allowed');
      expect(await network.ask('node', { address: web, protocol: 'UDP' })).toBe('allowed');
      expect(await network.ask('web', { address: node })).toBe('blocked');
      expect(await network.ask('web', { address: node, protocol: 'UDP' })).toBe('blocked');
      expect(await network.ask('client', { address: node })).toBe('allowed');
    }
  });

  it('is not there before something is closed, with any number of known pods', async () => {
    await open();
    await table.set(standing('client', 'known'));
    expect(listing()).toBe('');
    expect(await table.drops()).toEqual({ ingress: 0, egress: 0 });
  });

  it('[H6] outlives who made it, and the next one takes up what it finds', async () => {
    await open();
    await table.set(WEB);
    await table.end();
    await open();
    expect(await outcomes()).toEqual(SHUT);
    await table.set(NOTHING);
    expect(listing()).toBe('');
    expect(await outcomes()).toEqual(OPEN);
  });

  it('[H6] closes networks but for known pods, and of these the ones that are closed', async () => {
    await open(['10.9.0.0/24', 'fd09::/64']);
    await table.set(standing('client', 'known'));
    expect(await outcomes()).toEqual(SHUT);
    await table.set(standing('web', 'known'));
    expect(await outcomes()).toEqual(OPEN);
    await table.set(WEB);
    expect(await outcomes()).toEqual(SHUT);
  });

  it('is made whole where somebody else flushed it', async () => {
    await open();
    await table.set(WEB);
    disturbances.length = 0;
    network.run('node', 'nft', 'flush', 'ruleset');
    await expect.poll(() => disturbances, { timeout: 15_000 }).toContain('changed');
    expect(await table.repair()).toBe(true);
    expect(await outcomes()).toEqual(SHUT);
  });
});
