/** The cluster that the container's node is in, and who asks whom there. */
import { wholeNode, wholePod, wholeService, wholeSlices } from '../cluster-api/cluster-manifests.ts';
import type { Manifest } from '../e2e/manifests.ts';

export const near = wholePod('near-1', 'one', 1, 10);
const far = wholePod('far-1', 'two', 2, 10);
export const client = wholePod('client-1', 'one', 1, 12);
const port = (nodePort: number) => ({ port: 80, targetPort: 8080, nodePort, protocol: 'TCP' });

/** One endpoint a Service, so that the same question has the same answer. */
export const CLUSTER: readonly Manifest[] = [
  ...[wholeNode('one', 1), wholeNode('two', 2), near, far, client],
  wholeService('near', 10, { type: 'NodePort', ports: [port(30010)], externalIPs: ['198.51.100.7'] }),
  ...wholeSlices('near', [near]),
  wholeService('far', 11, { type: 'NodePort', ports: [port(30011)] }),
  ...wholeSlices('far', [far]),
  wholeService('local', 12, { type: 'NodePort', ports: [port(30012)], externalTrafficPolicy: 'Local' }),
  ...wholeSlices('local', [far]),
  wholeService('nobody', 13),
];
export const FRONTENDS = [
  ...[10, 11, 12, 13].map((host) => ({ to: `10.96.1.${host}`, port: 80 })),
  ...[10, 11, 12, 13].map((host) => ({ to: `fd96::1:${host}`, port: 80 })),
  ...[30010, 30011, 30012].map((nodePort) => ({ to: `nodeport:one:${nodePort}` })),
  { to: '198.51.100.7', port: 80 },
];
export const CLIENTS = ['default/client-1', 'default/near-1', 'node/one', 'external'];

/** The Service `far` in the shape of kube-proxy's nftables mode. */
export const KUBE_PROXY = `table ip kube-proxy {
  chain service-far { meta l4proto tcp dnat to 10.244.2.10:8080; }
  map service-ips {
    type ipv4_addr . inet_proto . inet_service : verdict;
    elements = { 10.96.1.11 . tcp . 80 : goto service-far };
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr . meta l4proto . th dport vmap @service-ips;
  }
  chain nat-postrouting { type nat hook postrouting priority srcnat; policy accept; }
}`;
