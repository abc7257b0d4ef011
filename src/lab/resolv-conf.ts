/** A pod's /etc/resolv.conf, as a kubelet composes it and a container runtime writes it. */

/** The kubelet's limits: what is beyond is left out. */
const MOST_NAMESERVERS = 3;
const MOST_SEARCHES = 32;
const LONGEST_SEARCH = 253;
/** Characters of all search domains, joined by blanks. */
const LONGEST_SEARCH_LIST = 2048;

export const DNS_POLICIES = ['Default', 'ClusterFirst', 'ClusterFirstWithHostNet', 'None'] as const;
export type DnsPolicy = (typeof DNS_POLICIES)[number];

/** What a resolver is told. An option is `name` or `name:value`. */
export interface DnsSettings {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** The part of a pod that decides. */
export interface PodDns {
  readonly namespace: string;
  readonly hostNetwork: boolean;
  readonly dnsPolicy: DnsPolicy;
  /** spec.dnsConfig; its lists are appended, its options win. */
  readonly dnsConfig: DnsSettings;
}

/** What the pod's kubelet is configured with. */
export interface NodeDns {
  /** The node's own resolv.conf. */
  readonly host: DnsSettings;
  /** Addresses of the cluster's DNS; without any, ClusterFirst is Default. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
}

/** The settings of the pod, merged, without duplicates and within the limits. */
export function podDnsSettings(pod: PodDns, node: NodeDns): DnsSettings {
  const base = baseSettings(pod, node);
  const { dnsConfig } = pod;
  return {
    nameservers: unique([...base.nameservers, ...dnsConfig.nameservers]).slice(0, MOST_NAMESERVERS),
    searches: fittingSearches(unique([...base.searches, ...dnsConfig.searches])),
    options: mergedOptions([...base.options, ...dnsConfig.options]),
  };
}

/** The text of the file. */
export function resolvConfText({ nameservers, searches, options }: DnsSettings): string {
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}\n`]),
    ...nameservers.map((address) => `nameserver ${address}\n`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}\n`]),
  ].join('');
}

/** Reads a node's file as the kubelet does: of several search and options lines, the last counts. */
export function parseResolvConf(text: string): DnsSettings {
  const settings = { nameservers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [keyword, ...fields] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && fields[0] !== undefined) settings.nameservers.push(fields[0]);
    if (keyword === 'search')
      settings.searches = fields.map((name) => (name === '.' ? name : name.replace(/\.$/, '')));
    if (keyword === 'options') settings.options = fields;
  }
  return settings;
}

function baseSettings({ namespace, hostNetwork, dnsPolicy }: PodDns, node: NodeDns): DnsSettings {
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] };
  const asksCluster =
    dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  if (!asksCluster || node.clusterDns.length === 0) return node.host;
  const domain = node.clusterDomain;
  return {
    nameservers: node.clusterDns,
    searches: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...node.host.searches],
    options: ['ndots:5'],
  };
}

/** The last value of each option, at the place of its first. */
function mergedOptions(options: readonly string[]): readonly string[] {
  const byName = new Map<string, string>();
  for (const option of options) byName.set(option.split(':', 1)[0] ?? '', option);
  return [...byName.values()];
}

function fittingSearches(searches: readonly string[]): readonly string[] {
  // A longer one makes some resolvers abort.
  const valid = searches.slice(0, MOST_SEARCHES).filter((name) => name.length <= LONGEST_SEARCH);
  let count = valid.length;
  while (valid.slice(0, count).join(' ').length > LONGEST_SEARCH_LIST) count--;
  return valid.slice(0, count);
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
