/** What a command finds around it in a pod, beside the network: its environment, /etc/hosts and /etc/resolv.conf. */
import { completeObjects } from '../cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import type { PodObject, ServiceObject } from '../model/objects.ts';
import { type LabDocument, objectsOf } from './documents.ts';
import { hostNetworkHostsText, podHostsText } from './hosts-file.ts';
import { type PodSettings, readPodSettings } from './pod-settings.ts';
import { parseResolvConf, podDnsSettings, resolvConfText } from './resolv-conf.ts';
import { serviceEnvironment } from './service-environment.ts';

const CLUSTER_DOMAIN = 'cluster.local';
/** The Service by which clusters have their DNS. */
const DNS_SERVICE = { namespace: 'kube-system', name: 'kube-dns' } as const;
/** Host names of Linux are no longer. */
const LONGEST_HOSTNAME = 63;

export interface PodSurroundings {
  readonly environment: Readonly<Record<string, string>>;
  readonly hosts: string;
  readonly resolvConf: string;
}

/** The node's own files: in a lab, this machine's. */
export interface NodeFiles {
  readonly hosts: string;
  readonly resolvConf: string;
}

/**
 * As the pod's kubelet would set them, by the lab's documents. undefined if `id` (`ns/pod`) is no pod of it.
 * @throws LabError (usage) where the pod asks for what an API server would refuse
 */
export function podSurroundings(
  id: string,
  documents: readonly LabDocument[],
  node: NodeFiles,
): PodSurroundings | undefined {
  const document = documents.find(({ key }) => key === `Pod ${id}`);
  if (document === undefined) return undefined;
  const { objects } = completeObjects(objectsOf(documents), DEFAULT_CLUSTER_OPTIONS);
  const pod = objects.find((object) => object.kind === 'Pod' && `${object.namespace}/${object.name}` === id);
  if (pod?.kind !== 'Pod') return undefined;
  const settings = readPodSettings(id, document.resolved);
  const services = objects.filter((object): object is ServiceObject => object.kind === 'Service');
  const dns = podDnsSettings(
    { ...pod, ...settings },
    {
      host: parseResolvConf(node.resolvConf),
      clusterDns: clusterDnsOf(services),
      clusterDomain: CLUSTER_DOMAIN,
    },
  );
  return {
    environment: serviceEnvironment(pod, settings.enableServiceLinks, services),
    hosts: hostsText(pod, settings, node),
    resolvConf: resolvConfText(dns),
  };
}

function clusterDnsOf(services: readonly ServiceObject[]): readonly string[] {
  const service = services.find(
    ({ namespace, name }) => namespace === DNS_SERVICE.namespace && name === DNS_SERVICE.name,
  );
  return service === undefined || service.clusterIps === 'headless' ? [] : service.clusterIps;
}

function hostsText(pod: PodObject, { hostAliases }: PodSettings, node: NodeFiles): string {
  if (pod.hostNetwork) return hostNetworkHostsText(node.hosts, hostAliases);
  const hostname = pod.hostname === '' ? shortHostname(pod.name) : pod.hostname;
  const domain = pod.subdomain === '' ? '' : `${pod.subdomain}.${pod.namespace}.svc.${CLUSTER_DOMAIN}`;
  return podHostsText(pod.addresses, hostname, domain, hostAliases);
}

function shortHostname(name: string): string {
  return name.slice(0, LONGEST_HOSTNAME).replace(/[-.]+$/, '');
}
