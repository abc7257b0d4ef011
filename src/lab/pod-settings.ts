/** What only a kubelet reads of a pod: the settings of its name resolution and of its environment. */
import type { RawObject } from './assigned-fields.ts';
import type { HostAlias } from './hosts-file.ts';
import { LabError } from './lab-error.ts';
import { DNS_POLICIES, type DnsPolicy, type DnsSettings } from './resolv-conf.ts';

export interface PodSettings {
  readonly enableServiceLinks: boolean;
  readonly hostAliases: readonly HostAlias[];
  readonly dnsPolicy: DnsPolicy;
  readonly dnsConfig: DnsSettings;
}

/**
 * @param pod `ns/name`, for messages
 * @throws LabError (usage) for a value that an API server would refuse
 */
export function readPodSettings(pod: string, raw: RawObject): PodSettings {
  const spec = fieldsOf(raw.spec);
  const dnsPolicy = DNS_POLICIES.find((policy) => policy === (spec.dnsPolicy || 'ClusterFirst'));
  if (dnsPolicy === undefined) {
    const message = `spec.dnsPolicy is ${JSON.stringify(spec.dnsPolicy)}; use ${DNS_POLICIES.join(', ')}`;
    throw new LabError('usage', `pod ${pod}: ${message}`);
  }
  const dnsConfig = readDnsConfig(fieldsOf(spec.dnsConfig));
  if (dnsPolicy === 'None' && dnsConfig.nameservers.length === 0) {
    const message = 'dnsPolicy None needs a nameserver; add spec.dnsConfig.nameservers';
    throw new LabError('usage', `pod ${pod}: ${message}`);
  }
  const hostAliases = listOf(spec.hostAliases).map((item) => {
    const { ip, hostnames } = fieldsOf(item);
    return { ip: String(ip), hostnames: textsOf(hostnames) };
  });
  return { enableServiceLinks: spec.enableServiceLinks !== false, hostAliases, dnsPolicy, dnsConfig };
}

function readDnsConfig(config: RawObject): DnsSettings {
  const options = listOf(config.options).flatMap((item) => {
    const { name, value } = fieldsOf(item);
    if (typeof name !== 'string' || name === '') return [];
    return value === undefined || value === null || value === '' ? name : `${name}:${value}`;
  });
  return { nameservers: textsOf(config.nameservers), searches: textsOf(config.searches), options };
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((item): item is string => typeof item === 'string' && item !== '');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fieldsOf(value: unknown): RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RawObject) : {};
}
