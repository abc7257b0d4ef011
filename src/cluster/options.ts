/** What the standalone control plane is told beside the objects. */
import type { Prefix } from '../model/address.ts';
import type { Port } from '../model/names.ts';
import type { AddressPool } from './address-pool.ts';

export interface ClusterOptions {
  /**
   * Where cluster IPs come from, beside ServiceCIDR objects: of several of a family, the next when the former is full.
   * The first family is the default of single-stack Services.
   */
  readonly serviceCidrs: readonly Prefix[];
  /** Where nodes without podCIDRs get theirs: node N has 10.244.N.0/24 and fd44:N::/64. */
  readonly podCidrs: readonly Prefix[];
  /** Where nodes without addresses get theirs: node N has 172.31.0.N and fd31::N. */
  readonly nodeCidrs: readonly Prefix[];
  /** First and last node port. */
  readonly nodePortRange: readonly [Port, Port];
  /** Where load balancers get their addresses; none: they get none, but for what they ask for by spec.loadBalancerIP. */
  readonly loadBalancerPools: readonly AddressPool[];
}

export const DEFAULT_CLUSTER_OPTIONS: ClusterOptions = {
  serviceCidrs: ['10.96.0.0/16' as Prefix, 'fd96::/112' as Prefix],
  podCidrs: ['10.244.0.0/16' as Prefix, 'fd44::/16' as Prefix],
  nodeCidrs: ['172.31.0.0/24' as Prefix, 'fd31::/64' as Prefix],
  nodePortRange: [30000 as Port, 32767 as Port],
  loadBalancerPools: [],
};
