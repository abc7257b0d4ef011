/**
 * Services served by a table in the shape of kube-proxy's nftables mode, written from the rows that a node's agent compiled:
 * a verdict map from address to a chain for each Service, in it a random choice among a chain for each endpoint.
 */
import { execFileSync } from 'node:child_process';
import { formatEndpoint } from '../../src/model/address.ts';
import type { FrontendRow, ServiceRows } from '../../src/model/rows.ts';
import type { LabCluster } from './lab-cluster.ts';

const FAMILIES = [
  { family: 'IPv4', table: 'ip', type: 'ipv4_addr' },
  { family: 'IPv6', table: 'ip6', type: 'ipv6_addr' },
] as const;

/** Serves on the node what its Services are now; again after a change of them. */
export async function serveByForeignProxy(lab: LabCluster, node: string): Promise<void> {
  const { node: nodeRows, services } = await lab.rows(node);
  const text = FAMILIES.flatMap(({ family, table, type }) => {
    const mine = services.filter((row) => row.family === family);
    const own = nodeRows.nodePortAddresses
      .map((prefix) => String(prefix).split('/')[0] ?? '')
      .filter((address) => address.includes(':') === (family === 'IPv6'));
    return [
      `table ${table} foreign-proxy`,
      `delete table ${table} foreign-proxy`,
      `table ${table} foreign-proxy {`,
      ' chain from-node { meta mark set mark or 0x4000; }',
      ' chain no-endpoint { reject; }',
      ...mine.flatMap((row, number) => chainsOf(row, number, table)),
      mapOf('service-ips', `${type} . inet_proto . inet_service`, mine.flatMap(addressElements)),
      mapOf('service-nodeports', 'inet_proto . inet_service', mine.flatMap(nodePortElements)),
      mapOf('no-endpoints', `${type} . inet_proto . inet_service`, mine.flatMap(refusedElements)),
      ' chain services {',
      `  ${table} daddr . meta l4proto . th dport vmap @service-ips`,
      ...own.map((address) => `  ${table} daddr ${address} meta l4proto . th dport vmap @service-nodeports`),
      ' }',
      ...['forward', 'output'].map(
        (hook) =>
          ` chain filter-${hook} { type filter hook ${hook} priority -110; ct state new ${table} daddr . meta l4proto . th dport vmap @no-endpoints; }`,
      ),
      ' chain nat-prerouting { type nat hook prerouting priority -100; jump services; }',
      ' chain nat-output { type nat hook output priority -100; jump services; }',
      ' chain nat-postrouting { type nat hook postrouting priority 100; meta mark and 0x4000 != 0 masquerade; }',
      '}',
    ];
  });
  execFileSync('nsenter', [`--net=${lab.netns(`node/${node}`)}`, 'nft', '-f', '-'], {
    input: text.join('\n'),
  });
}

function chainsOf({ protocol, cluster }: ServiceRows, number: number, table: string): readonly string[] {
  if (cluster.length === 0) return [];
  const choices = cluster.map((_, slot) => `${slot} : goto endpoint-${number}-${slot}`);
  return [
    ...cluster.map(
      ({ address, port }, slot) =>
        ` chain endpoint-${number}-${slot} { ${table} saddr ${address} jump from-node; meta l4proto ${protocol.toLowerCase()} dnat to ${formatEndpoint(address, port)}; }`,
    ),
    ` chain service-${number} { numgen random mod ${cluster.length} vmap { ${choices.join(', ')} }; }`,
  ];
}

function mapOf(name: string, type: string, elements: readonly string[]): string {
  const held = elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} };`;
  return ` map ${name} { type ${type} : verdict;${held} }`;
}

function addressElements(row: ServiceRows, number: number): readonly string[] {
  if (row.cluster.length === 0) return [];
  return row.frontends
    .filter(hasAddress)
    .map((frontend) => `${keyOf(row, frontend)} : goto service-${number}`);
}

function nodePortElements(row: ServiceRows, number: number): readonly string[] {
  if (row.cluster.length === 0) return [];
  return row.frontends
    .filter(({ kind }) => kind === 'nodePort')
    .map(({ port }) => `${row.protocol.toLowerCase()} . ${port} : goto service-${number}`);
}

function refusedElements(row: ServiceRows): readonly string[] {
  return row.frontends
    .filter((frontend) => frontend.inside === 'reject' && hasAddress(frontend))
    .map((frontend) => `${keyOf(row, frontend)} : goto no-endpoint`);
}

function hasAddress({ address }: FrontendRow): boolean {
  return address !== null;
}

function keyOf({ protocol }: ServiceRows, { address, port }: FrontendRow): string {
  return `${address} . ${protocol.toLowerCase()} . ${port}`;
}
