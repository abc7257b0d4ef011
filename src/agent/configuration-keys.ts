/** Every key of the agent's configuration, once: flags, environment, file, `--help` and the documents follow from it. */

export interface ConfigurationKey {
  /** The flag without dashes; the same name is the key in the file. */
  readonly name: string;
  /** Shown in `--help`; null: a switch, true when given without a value. */
  readonly placeholder: string | null;
  /** As text, like a flag's value; null: must be given. */
  readonly fallback: string | null;
  readonly meaning: string;
}

const key = (name: string, placeholder: string | null, fallback: string | null, meaning: string) =>
  ({ name, placeholder, fallback, meaning }) satisfies ConfigurationKey;

export const CONFIGURATION_KEYS: readonly ConfigurationKey[] = [
  key('source', 'DIR|kubernetes', null, 'where objects come from: a folder of manifests, or an API server'),
  key(
    'kubeconfig',
    'FILE',
    '',
    'how to reach the API server; empty: KUBECONFIG, else as a pod of the cluster',
  ),
  key('context', 'NAME', '', 'context of the kubeconfig; empty: its current one'),
  key('events', null, 'true', 'with an API server: write problems as Kubernetes Events of their objects'),
  key('instance', 'NAME', 'weir', 'name of this agent’s share of the machine'),
  key('hostname-override', 'NODE', '', 'name of this node; empty: the host’s name'),
  key('cluster-cidr', 'CIDRS', '', 'pod networks of the cluster; empty: taken from nodes and pods'),
  key('detect-local-mode', 'MODE', 'NodeCIDR', 'how local pods are known: NodeCIDR or ClusterCIDR'),
  key('nodeport-addresses', 'primary|CIDRS', 'primary', 'addresses of this node that serve node ports'),
  key('masquerade-all', null, 'false', 'masquerade every translated connection'),
  key('masquerade-pods', null, 'false', 'masquerade pods that leave the cluster'),
  key(
    'non-masquerade-cidrs',
    'CIDRS',
    '',
    'destinations that pods reach unmasqueraded, beside the cluster’s own',
  ),
  key('service-cluster-ip-range', 'CIDRS', '10.96.0.0/16,fd96::/112', 'networks of the cluster IPs'),
  key(
    'service-node-port-range',
    'FIRST-LAST',
    '30000-32767',
    'node ports; masquerading never picks one of them',
  ),
  key(
    'load-balancer-pools',
    'POOLS',
    '',
    'with a folder: where load balancers get addresses, CIDRs and ranges FIRST-LAST, or a list of pools; empty: none',
  ),
  key(
    'allocation-file',
    'FILE',
    '',
    'with a folder: where chosen addresses and ports outlive the agent; empty: in its run directory',
  ),
  key('allow-external-cluster-ip', null, 'false', 'serve cluster IPs to clients outside too'),
  key(
    'external-ip-cidrs',
    'CIDRS',
    '',
    'the only networks external and load-balancer IPs may be in; empty: any',
  ),
  key('service-proxy-name', 'NAME', '', 'serve only Services labelled for this proxy; empty: the unlabelled'),
  key(
    'source-ranges-all-types',
    null,
    'false',
    'loadBalancerSourceRanges guard node ports and external IPs too',
  ),
  key(
    'scheduler',
    'NAME',
    'random',
    'how connections are spread over endpoints where a Service does not say',
  ),
  key('ejection', 'on|off', 'on', 'leave out endpoints that do not answer, where a Service does not say'),
  key('services-backend', 'BACKEND', 'auto', 'auto, bpf, nft or none'),
  key('socket-lb', 'WHOSE', 'all', 'with bpf: sockets that are served: all, host-only (no pod’s) or off'),
  key(
    'socket-lb-cgroup',
    'DIR',
    '',
    'with bpf: the cgroup of these sockets; empty: that of the kubelet’s pods',
  ),
  key('policy-backend', 'BACKEND', 'auto', 'auto, bpf or nft'),
  key('policy-deny', 'HOW', 'drop', 'what policies deny is dropped in silence (drop), or answered (reject)'),
  key(
    'same-node',
    'WAY',
    'stack',
    'with bpf: from pod to pod of the node by its network stack, or direct, past its netfilter',
  ),
  key(
    'policy-default-closed',
    null,
    'false',
    'interfaces of pods that are not known (yet) let nothing through',
  ),
  key(
    'healthz-bind-address',
    'ADDRESS:PORT',
    '0.0.0.0:10256',
    'where /healthz and /livez answer; empty: nowhere',
  ),
  key('metrics-bind-address', 'ADDRESS:PORT', '127.0.0.1:10249', 'where /metrics answers; empty: nowhere'),
  key('service-metrics', null, 'false', 'metrics of connections for each Service port, besides the totals'),
  key('log-level', 'LEVEL', 'info', 'trace, debug, info, warn, error or fatal'),
  key(
    'min-sync-period',
    'DURATION',
    '400ms',
    'mean time between syncs under a stream of changes; two go at once',
  ),
  key('sync-period', 'DURATION', '30s', 'how often everything is read back and repaired'),
];

/** `WEIR_CLUSTER_CIDR` for `cluster-cidr`. */
export function environmentName(name: string): string {
  return `WEIR_${name.toUpperCase().replaceAll('-', '_')}`;
}
