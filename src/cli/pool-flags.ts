/** The flag `--load-balancer-pools` of commands that complete manifests. */
import { parsePools } from '../cluster/address-pool.ts';
import type { ClusterOptions } from '../cluster/options.ts';
import { usageFailure } from './exit.ts';

export interface PoolFlags {
  readonly loadBalancerPools?: string;
}

/** @throws CommandFailure (usage) that says what is wrong with the pools */
export function poolOptions({
  loadBalancerPools = '',
}: PoolFlags): Pick<ClusterOptions, 'loadBalancerPools'> {
  const parsed = parsePools(loadBalancerPools);
  if ('error' in parsed) throw usageFailure(`--load-balancer-pools ${loadBalancerPools}: ${parsed.error}`);
  return { loadBalancerPools: parsed.value };
}
