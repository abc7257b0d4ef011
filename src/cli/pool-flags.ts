/** The flag `--load-balancer-pools` of commands that complete manifests. */
import { parsePools, poolOverlap } from '../cluster/address-pool.ts';
import { type ClusterOptions, DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import { usageFailure } from './exit.ts';

export interface PoolFlags {
  readonly loadBalancerPools?: string;
}

/** @throws CommandFailure (usage) that says what is wrong with the pools */
export function poolOptions({
  loadBalancerPools = '',
}: PoolFlags): Pick<ClusterOptions, 'loadBalancerPools'> {
  const parsed = parsePools(loadBalancerPools);
  const error =
    'error' in parsed ? parsed.error : poolOverlap(parsed.value, DEFAULT_CLUSTER_OPTIONS.serviceCidrs);
  if ('error' in parsed || error !== null)
    throw usageFailure(`--load-balancer-pools ${loadBalancerPools}: ${error}`);
  return { loadBalancerPools: parsed.value };
}
