/** What stands between client and server in each variant of the connection benchmark. */
import { CLUSTER_CIDR, type ClusterShape } from '../cluster-shape.ts';
import { startDataPath } from '../data-path-process.ts';
import { CLIENT_ADDRESS, runInNamespace, SERVER_ADDRESS, type Triple } from '../namespaces.ts';
import { kubeProxyIptables } from '../shapes/kube-proxy-iptables.ts';
import { kubeProxyNftables } from '../shapes/kube-proxy-nftables.ts';

/** Puts a cluster into a node; `not available` where this machine lacks what it needs. */
export type Installer = (triple: Triple, shape: ClusterShape) => Promise<'installed' | 'not available'>;

const SERVICES_PER_TRANSACTION = 500;

/** Just routing. */
export const nothing: Installer = async () => 'installed';

/** Weir's tables, loaded by Weir. */
export const weir: Installer = async (triple, shape) => {
  const process = startDataPath(triple.node);
  try {
    await process.load(shape, [CLIENT_ADDRESS, SERVER_ADDRESS]);
  } finally {
    await process.exit();
  }
  return 'installed';
};

/**
 * Weir's tables, and pod-to-pod packets left out of connection tracking where neither end is an endpoint of a Service
 * (replies of translated connections look like plain pod-to-pod packets and must be tracked).
 */
export const notrackShape: Installer = async (triple, shape) => {
  await weir(triple, shape);
  const target = shape.target ?? { address: SERVER_ADDRESS, port: 1 };
  const text = `table ip bench-notrack {
    set endpoints { type ipv4_addr . inet_service; elements = { ${target.address} . ${target.port} }; }
    chain prerouting {
      type filter hook prerouting priority raw;
      ip saddr ${CLUSTER_CIDR} ip daddr ${CLUSTER_CIDR} ip saddr . th sport != @endpoints ip daddr . th dport != @endpoints notrack
    }
  }`;
  runInNamespace(triple.node, 'nft', ['-f', '-'], text);
  return 'installed';
};

/** kube-proxy's nftables shape. */
export const nftablesShape: Installer = async (triple, shape) => {
  for (const text of kubeProxyNftables(shape, SERVICES_PER_TRANSACTION)) {
    runInNamespace(triple.node, 'nft', ['-f', '-'], text);
  }
  return 'installed';
};

/** kube-proxy's iptables shape, by one of iptables' two implementations. */
export function iptablesShape(command: 'iptables-nft-restore' | 'iptables-legacy-restore'): Installer {
  return async (triple, shape) => {
    try {
      runInNamespace(
        triple.node,
        'sh',
        ['-c', `command -v ${command} && ${command} --test`],
        '*nat\nCOMMIT\n',
      );
    } catch {
      return 'not available';
    }
    runInNamespace(triple.node, command, [], kubeProxyIptables(shape));
    return 'installed';
  };
}
