/**
 * A ruleset of the shape that kube-proxy's nftables mode writes: a verdict map from Service address to a chain per
 * Service, and in it a random choice among a chain per endpoint. Table and chain names are ours.
 */
import {
  CLUSTER_CIDR,
  type ClusterShape,
  endpointsOf,
  NODE_ADDRESS,
  SERVICE_PORT,
  serviceAddress,
} from '../cluster-shape.ts';

/**
 * Texts for `nft -f`, to be loaded one after the other; each is one transaction of at most `servicesPerTransaction`
 * Services. kube-proxy starts with a single one; since the kernel's time grows with the square of a transaction's
 * anonymous maps, several reach the same end state sooner where the load itself is not what is measured.
 */
export function kubeProxyNftables(shape: ClusterShape, servicesPerTransaction = shape.services): string[] {
  const texts: string[] = [];
  for (let first = 0; first < shape.services; first += servicesPerTransaction) {
    const count = Math.min(servicesPerTransaction, shape.services - first);
    const indexes = Array.from({ length: count }, (_, offset) => first + offset);
    const addresses = indexes.map(serviceAddress);
    const verdicts = indexes.map(
      (index) => `${serviceAddress(index)} . tcp . ${SERVICE_PORT} : goto service-${index}`,
    );
    texts.push(
      [
        'table ip peer-proxy {',
        ...indexes.flatMap((index) => serviceChains(shape, index)),
        ` map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${verdicts.join(', ')} }; }`,
        ` set cluster-ips { type ipv4_addr; elements = { ${addresses.join(', ')} }; }`,
        ...(first === 0 ? BASE : []),
        '}',
        '',
      ].join('\n'),
    );
  }
  return texts;
}

const BASE = [
  ' map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }',
  ' map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }',
  ' map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }',
  ' map service-nodeports { type inet_proto . inet_service : verdict; }',
  ` set nodeport-ips { type ipv4_addr; elements = { ${NODE_ADDRESS} }; }`,
  ' chain mark-for-masquerade { meta mark set mark or 0x4000; }',
  ' chain masquerading { mark and 0x4000 == 0 return; meta mark set mark xor 0x4000; masquerade fully-random; }',
  ' chain services {',
  '  ip daddr . meta l4proto . th dport vmap @service-ips',
  '  ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports',
  ' }',
  ' chain endpoints-check {',
  '  ip daddr . meta l4proto . th dport vmap @no-endpoint-services',
  '  ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports',
  ' }',
  ' chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }',
  ' chain cluster-ips-check { ip daddr @cluster-ips reject; }',
  ...['prerouting', 'input', 'forward', 'output'].map(
    (hook) =>
      ` chain filter-${hook} { type filter hook ${hook} priority -110; ct state new jump endpoints-check; ${hook === 'forward' ? 'ct state new jump cluster-ips-check; ' : ''}}`,
  ),
  ' chain filter-prerouting-firewall { type filter hook prerouting priority -101; ct state new jump firewall-check; }',
  ' chain nat-prerouting { type nat hook prerouting priority -100; jump services; }',
  ' chain nat-output { type nat hook output priority -100; jump services; }',
  ' chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }',
];

function serviceChains(shape: ClusterShape, index: number): string[] {
  const endpoints = endpointsOf(shape, index);
  const choices = endpoints.map((_, endpoint) => `${endpoint} : goto endpoint-${index}-${endpoint}`);
  return [
    ...endpoints.map(
      ({ address, port }, endpoint) =>
        ` chain endpoint-${index}-${endpoint} { ip saddr ${address} jump mark-for-masquerade; meta l4proto tcp dnat to ${address}:${port}; }`,
    ),
    ` chain service-${index} {`,
    `  ip daddr ${serviceAddress(index)} tcp dport ${SERVICE_PORT} ip saddr != ${CLUSTER_CIDR} jump mark-for-masquerade`,
    `  numgen random mod ${endpoints.length} vmap { ${choices.join(', ')} }`,
    ' }',
  ];
}
