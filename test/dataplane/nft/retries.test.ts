/** Retries as nftables has them: for which Services, and on which kernels. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowerService } from '../../../src/dataplane/nft/lower-service.ts';
import { buildSkeleton } from '../../../src/dataplane/nft/skeleton.ts';
import { takesTimeouts } from '../../../src/dataplane/nft/timeout-support.ts';
import {
  type Nftables,
  NftError,
  openNftables,
  printTransaction,
  type Transaction,
} from '../../../src/kernel/native.ts';
import { DEFAULT_BALANCING, type ServiceRows } from '../../../src/model/rows.ts';
import { backend, NODE_PORT_RANGE, serviceRows } from '../rows-arbitrary.ts';

const BACKENDS = [1, 2].map((host) => backend('IPv4', host, 8080, false));

function isTriedAgain(changes: Partial<ServiceRows>): boolean {
  const [sample] = fc.sample(serviceRows(1, 'IPv4'), { numRuns: 1, seed: 1 });
  if (sample === undefined) throw new Error('no sample');
  const frontends = sample.frontends.map(
    (frontend) => ({ ...frontend, inside: 'cluster', outside: 'pass', elsewhere: 'pass' }) as const,
  );
  const rows = { ...sample, frontends, cluster: BACKENDS, local: [], ...changes };
  return lowerService(rows, 7).some(({ set }) => set === 'retry');
}

/** Refuses the first command of this kind. */
function kernelThat(refuses: string, errno: number): Nftables {
  const commit = async (transaction: Transaction) => {
    const object = transaction
      .map((command) => printTransaction([command]))
      .find((text) => text.includes(refuses));
    if (object !== undefined) throw new NftError({ errno, operation: 'commit', object });
    return { bytes: 1 };
  };
  return { commit } as unknown as Nftables;
}

async function withNamespace(work: (path: string) => Promise<void>): Promise<void> {
  const name = `weir-test-retry-${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  try {
    await work(`/run/netns/${name}`);
  } finally {
    execFileSync('ip', ['netns', 'delete', name]);
  }
}

describe('retries', () => {
  it('[F4] are for TCP Services that have somebody else to ask, unless switched off', () => {
    expect(isTriedAgain({ protocol: 'TCP' })).toBe(true);
    expect(isTriedAgain({ protocol: 'UDP' })).toBe(false);
    expect(isTriedAgain({ cluster: BACKENDS.slice(1) })).toBe(false);
    expect(isTriedAgain({ balancing: { ...DEFAULT_BALANCING, retries: false } })).toBe(false);
  });

  it.each([
    ['delete chain', 2, true],
    ['add ct timeout', 95, false],
    ['add ct timeout', 2, false],
    ['add table', 1, true],
  ])(
    '[F4] are missing only where the kernel knows no such timeout (%s, %i)',
    async (refuses, errno, takes) => {
      expect(await takesTimeouts(kernelThat(refuses, errno))).toBe(takes);
    },
  );

  it('[F4] [H5] are asked for without writing anything', async () => {
    await withNamespace(async (netns) => {
      const nft = await openNftables({ netns });
      const before = await nft.generation();
      expect(await takesTimeouts(nft)).toBe(true);
      expect(await nft.generation()).toBe(before);
      await nft.close();
    });
  });

  it('[F4] leave no trace in chains for a kernel without them', () => {
    const uses = (retries: boolean) =>
      buildSkeleton({ nodePortRange: NODE_PORT_RANGE, retries }).filter(
        ({ rules, timeouts }) => timeouts !== undefined || rules.flat().some(({ kind }) => kind === 'objref'),
      );
    expect(uses(true).map(({ name }) => name)).toEqual(['attempt']);
    expect(uses(false)).toEqual([]);
  });
});
