/** Retries as nftables has them: for which Services, and on which kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowerService } from '../../../src/dataplane/nft/lower-service.ts';
import { buildSkeleton } from '../../../src/dataplane/nft/skeleton.ts';
import { takesTimeouts } from '../../../src/dataplane/nft/timeout-support.ts';
import { type Nftables, NftError, type Transaction } from '../../../src/kernel/native.ts';
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

/** `errno`: of what it answers; null: it takes everything. */
function kernelThat(errno: number | null): { nft: Nftables; asked: Transaction[] } {
  const asked: Transaction[] = [];
  const commit = async (transaction: Transaction) => {
    asked.push(transaction);
    if (errno !== null) throw new NftError({ errno, operation: 'commit', object: 'it' });
    return { bytes: 1 };
  };
  return { nft: { commit } as unknown as Nftables, asked };
}

describe('retries', () => {
  it('[F4] are for TCP Services that have somebody else to ask, unless switched off', () => {
    expect(isTriedAgain({ protocol: 'TCP' })).toBe(true);
    expect(isTriedAgain({ protocol: 'UDP' })).toBe(false);
    expect(isTriedAgain({ cluster: BACKENDS.slice(1) })).toBe(false);
    expect(isTriedAgain({ balancing: { ...DEFAULT_BALANCING, retries: false } })).toBe(false);
  });

  it.each([
    ['nothing', null, true],
    ['EOPNOTSUPP', 95, false],
    ['ENOENT', 2, false],
    ['EPERM', 1, true],
  ])('[F4] are missing only where the kernel knows no such timeout (%s)', async (_, errno, takes) => {
    const { nft, asked } = kernelThat(errno);
    expect(await takesTimeouts(nft)).toBe(takes);
    expect(asked[0]?.at(-1)).toMatchObject({ verb: 'delete', object: 'table' });
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
