/** What the compiler is told beside the objects: the node it compiles for and kube-proxy's familiar flags. */
import type { Prefix } from './address.ts';
import type { NodeName, Port } from './names.ts';
import type { Scheduler } from './rows.ts';

export interface CompileOptions {
  readonly node: NodeName;
  /** Empty: `primary`, the node's first InternalIP (else ExternalIP) of each family. */
  readonly nodePortAddresses: readonly Prefix[];
  /** Pod networks of the cluster; empty: the nodes' podCIDRs and the pods' addresses. */
  readonly clusterCidrs: readonly Prefix[];
  readonly detectLocalMode: 'NodeCIDR' | 'ClusterCIDR';
  readonly serviceCidrs: readonly Prefix[];
  readonly nodePortRange: readonly [Port, Port];
  readonly masqueradeAll: boolean;
  /** Masquerade pods that leave the cluster (A69). */
  readonly masqueradePods: boolean;
  /** Beside the cluster's own networks. */
  readonly nonMasqueradeCidrs: readonly Prefix[];
  readonly allowExternalClusterIp: boolean;
  /** Empty: every address that is not a node's, pod's, or another Service's. */
  readonly externalIpCidrs: readonly Prefix[];
  /** `null`: Services without the label service.kubernetes.io/service-proxy-name; else those with this value (A62). */
  readonly serviceProxyName: string | null;
  /** Source ranges also guard node ports and external IPs (I25). */
  readonly sourceRangesAllTypes: boolean;
  /** Of Services that name none. */
  readonly scheduler: Scheduler;
  /** Whether Services that say nothing have backends that don't answer left out for a while. */
  readonly ejects: boolean;
}
