/** A pod's /etc/hosts, as a kubelet writes it. */
import type { Address } from '../model/address.ts';

/** spec.hostAliases. */
export interface HostAlias {
  readonly ip: string;
  readonly hostnames: readonly string[];
}

const LOCAL_NAMES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

/**
 * The file of a pod with a network of its own.
 *
 * @param hostname the pod's, without domain
 * @param domain where the pod has a subdomain: the domain of its full name; else empty
 */
export function podHostsText(
  addresses: readonly Address[],
  hostname: string,
  domain: string,
  aliases: readonly HostAlias[],
): string {
  const names = domain === '' ? hostname : `${hostname}.${domain}\t${hostname}`;
  const lines = [
    '# Kubernetes-managed hosts file.',
    ...LOCAL_NAMES,
    ...addresses.map((address) => `${address}\t${names}`),
  ];
  return `${lines.join('\n')}\n${aliasesText(aliases)}`;
}

/** The file of a hostNetwork pod; `node`: the text of its node's file. */
export function hostNetworkHostsText(node: string, aliases: readonly HostAlias[]): string {
  return `# Kubernetes-managed hosts file (host network).\n${node}${aliasesText(aliases)}`;
}

function aliasesText(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}
