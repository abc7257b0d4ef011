/**
 * The agent's configuration from flags, environment and one YAML file, in this order of precedence. Everything wrong
 * is told at once, since fixing a DaemonSet one restart per mistake is no fun.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { type AddressPool, poolOverlap } from '../cluster/address-pool.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import type { NodeName } from '../model/names.ts';
import { SCHEDULERS } from '../model/rows.ts';
import { CONFIGURATION_KEYS, environmentName } from './configuration-keys.ts';
import * as values from './configuration-values.ts';
import { allocationPath } from './instance-paths.ts';
import { nearestKey } from './nearest-key.ts';

export interface AgentConfiguration {
  /** A folder, or `kubernetes`. */
  readonly source: string;
  /** Path, or several as in KUBECONFIG; null: in-cluster. */
  readonly kubeconfig: string | null;
  /** null: the kubeconfig's current one. */
  readonly context: string | null;
  /** Problems become Kubernetes Events, where there is an API server. */
  readonly events: boolean;
  readonly instance: string;
  readonly compile: CompileOptions;
  /** Where the standalone control plane takes load-balancer addresses from. */
  readonly loadBalancerPools: readonly AddressPool[];
  /** Path of the file that holds its choices. */
  readonly allocationFile: string;
  readonly servicesBackend: 'auto' | 'bpf' | 'nft' | 'none';
  /** `host-only`: pods with a network namespace of their own are left to nft. */
  readonly socketLb: 'all' | 'host-only' | 'off';
  /** Directory; null: the kubelet's. */
  readonly socketLbCgroup: string | null;
  readonly policyBackend: 'auto' | 'bpf' | 'nft';
  /** `reject`: who is denied gets a TCP reset or an ICMP error. */
  readonly policyDeny: 'drop' | 'reject';
  /** With policies by BPF: how packets go from pod to pod of the node. */
  readonly sameNode: 'stack' | 'direct';
  /** Interfaces of pods that are not known (yet) let nothing through. */
  readonly policyDefaultClosed: boolean;
  /** null: not served. */
  readonly healthzBind: values.BindAddress | null;
  readonly metricsBind: values.BindAddress | null;
  /** Metrics have samples for each Service port. */
  readonly serviceMetrics: boolean;
  readonly logLevel: string;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
}

export interface ConfigurationInputs {
  /** By key name; absent: not given. A switch given without value is `true`. */
  readonly flags: Readonly<Record<string, string | true | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of the YAML file; null: none. */
  readonly file: string | null;
}

/** The configuration can't be used; `problems` holds a line for each mistake. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

interface Given {
  readonly text: string;
  readonly origin: string;
}

const prefixesOrPrimary = z.union([z.literal('primary').transform(() => []), values.prefixList]);

const schema = z.object({
  source: values.sourceValue,
  kubeconfig: values.optionalText,
  context: values.optionalText,
  events: values.switchValue,
  instance: values.instanceName,
  'hostname-override': values.nodeNameValue,
  'cluster-cidr': values.prefixList,
  'detect-local-mode': values.oneOf('NodeCIDR', 'ClusterCIDR'),
  'nodeport-addresses': prefixesOrPrimary,
  'masquerade-all': values.switchValue,
  'masquerade-pods': values.switchValue,
  'non-masquerade-cidrs': values.prefixList,
  'service-cluster-ip-range': values.prefixList,
  'service-node-port-range': values.portRange,
  'load-balancer-pools': values.poolList,
  'allocation-file': values.optionalText,
  'allow-external-cluster-ip': values.switchValue,
  'external-ip-cidrs': values.prefixList,
  'service-proxy-name': values.labelValue,
  'source-ranges-all-types': values.switchValue,
  scheduler: values.oneOf(...SCHEDULERS),
  ejection: values.oneOf('on', 'off'),
  'services-backend': values.oneOf('auto', 'bpf', 'nft', 'none'),
  'socket-lb': values.oneOf('all', 'host-only', 'off'),
  'socket-lb-cgroup': values.optionalText,
  'policy-backend': values.oneOf('auto', 'bpf', 'nft'),
  'policy-deny': values.oneOf('drop', 'reject'),
  'same-node': values.oneOf('stack', 'direct'),
  'policy-default-closed': values.switchValue,
  'healthz-bind-address': values.bindAddress,
  'metrics-bind-address': values.bindAddress,
  'service-metrics': values.switchValue,
  'log-level': values.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
  'min-sync-period': values.durationValue(0),
  'sync-period': values.durationValue(100),
});

/**
 * Reads and checks the configuration.
 * @throws ConfigurationError with a line for every mistake there is
 */
export function readConfiguration(inputs: ConfigurationInputs): AgentConfiguration {
  const problems: string[] = [];
  const file = inputs.file === null ? {} : readFile(inputs.file, problems);
  const given = new Map<string, Given>();
  for (const { name, fallback } of CONFIGURATION_KEYS) {
    given.set(name, choose(name, fallback ?? '', inputs, file));
  }
  const texts = Object.fromEntries([...given].map(([name, { text }]) => [name, text]));
  const parsed = schema.safeParse(texts);
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => issueLine(issue, given)));
  else problems.push(...overlaps(parsed.data, given));
  problems.push(...contradictions(given, kubectlFile(inputs)));
  if (problems.length > 0 || !parsed.success) throw new ConfigurationError(problems);
  return fromValues(parsed.data, kubectlFile(inputs));
}

/** What `plan` and `trace` compile with where nothing else is said: the agent's defaults. */
export function defaultCompileOptions(node: NodeName): CompileOptions {
  const flags = { source: '.', 'hostname-override': node };
  return readConfiguration({ flags, environment: {}, file: null }).compile;
}

function choose(
  name: string,
  fallback: string,
  inputs: ConfigurationInputs,
  file: Record<string, Given>,
): Given {
  const flag = inputs.flags[name];
  if (flag !== undefined) return { text: String(flag), origin: `--${name}` };
  const variable = environmentName(name);
  const text = inputs.environment[variable];
  if (text !== undefined) return { text, origin: variable };
  return file[name] ?? { text: fallback, origin: `--${name}` };
}

function readFile(path: string, problems: string[]): Record<string, Given> {
  const content = parseFile(path, problems);
  const entries: [string, Given][] = [];
  for (const [name, value] of Object.entries(content)) {
    const text = name === 'load-balancer-pools' ? textOfPools(value) : textOfFileValue(value);
    if (!CONFIGURATION_KEYS.some((key) => key.name === name)) {
      const near = nearestKey(
        name,
        CONFIGURATION_KEYS.map((key) => key.name),
      );
      problems.push(
        `${path}: ${name}: unknown key; ${near === undefined ? 'remove it' : `did you mean ${near}?`}`,
      );
    } else if (text === undefined) {
      problems.push(
        `${path}: ${name}: ${JSON.stringify(value)}: write a text, number, true, false or a list of texts`,
      );
    } else entries.push([name, { text, origin: `${path}: ${name}` }]);
  }
  return Object.fromEntries(entries);
}

function parseFile(path: string, problems: string[]): Readonly<Record<string, unknown>> {
  try {
    const document = parseDocument(readFileSync(path, 'utf8'));
    const broken = document.errors[0];
    if (broken !== undefined) {
      problems.push(`${path}: not YAML: ${broken.message.split('\n')[0]}; correct the file`);
      return {};
    }
    const content: unknown = document.toJS() ?? {};
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
      return content as Readonly<Record<string, unknown>>;
    }
    problems.push(`${path}: must hold keys and values, one per line, like "sync-period: 30s"`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    problems.push(
      `--config ${JSON.stringify(path)}: can't be read (${reason}); name a YAML file that exists`,
    );
  }
  return {};
}

function textOfFileValue(value: unknown): string | undefined {
  if (value === null) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',');
  return undefined;
}

/** Pools may be written out in YAML; the flag takes the same as JSON. */
function textOfPools(value: unknown): string | undefined {
  const isWrittenOut = Array.isArray(value) && value.some((item) => typeof item === 'object');
  return isWrittenOut ? JSON.stringify(value) : textOfFileValue(value);
}

function issueLine(issue: z.core.$ZodIssue, given: ReadonlyMap<string, Given>): string {
  const { text, origin } = given.get(String(issue.path[0])) ?? { text: '', origin: String(issue.path[0]) };
  const inner =
    issue.code === 'invalid_union' ? (issue.errors.at(-1)?.[0]?.message ?? issue.message) : issue.message;
  return `${origin} ${JSON.stringify(text)}: ${inner}`;
}

function overlaps(data: z.infer<typeof schema>, given: ReadonlyMap<string, Given>): readonly string[] {
  const pools = given.get('load-balancer-pools');
  const overlap = poolOverlap(data['load-balancer-pools'], data['service-cluster-ip-range']);
  return overlap === null || pools === undefined
    ? []
    : [`${pools.origin} ${JSON.stringify(pools.text)}: ${overlap}`];
}

function contradictions(given: ReadonlyMap<string, Given>, kubectlsFile: string | null): readonly string[] {
  const context = given.get('context');
  const problems: string[] = [];
  if (context?.text.trim() && !given.get('kubeconfig')?.text.trim() && kubectlsFile === null) {
    problems.push(
      `${context.origin} ${JSON.stringify(context.text)}: contexts stand in a kubeconfig; give --kubeconfig too, or set KUBECONFIG`,
    );
  }
  if (
    given.get('detect-local-mode')?.text === 'ClusterCIDR' &&
    given.get('cluster-cidr')?.text.trim() === ''
  ) {
    problems.push(
      '--detect-local-mode "ClusterCIDR": needs the pod networks; give --cluster-cidr, or use NodeCIDR',
    );
  }
  return problems;
}

/** The variable that every Kubernetes tool knows, below our own ways to say it. */
function kubectlFile({ environment }: ConfigurationInputs): string | null {
  return environment.KUBECONFIG?.trim() || null;
}

function fromValues(data: z.infer<typeof schema>, kubectlsFile: string | null): AgentConfiguration {
  return {
    source: data.source,
    kubeconfig: data.kubeconfig ?? kubectlsFile,
    context: data.context,
    events: data.events,
    instance: data.instance,
    compile: {
      node: (data['hostname-override'] ?? hostname().toLowerCase()) as NodeName,
      nodePortAddresses: data['nodeport-addresses'],
      clusterCidrs: data['cluster-cidr'],
      detectLocalMode: data['detect-local-mode'],
      serviceCidrs: data['service-cluster-ip-range'],
      nodePortRange: data['service-node-port-range'],
      masqueradeAll: data['masquerade-all'],
      masqueradePods: data['masquerade-pods'],
      nonMasqueradeCidrs: data['non-masquerade-cidrs'],
      allowExternalClusterIp: data['allow-external-cluster-ip'],
      externalIpCidrs: data['external-ip-cidrs'],
      serviceProxyName: data['service-proxy-name'],
      sourceRangesAllTypes: data['source-ranges-all-types'],
      scheduler: data.scheduler,
      ejects: data.ejection === 'on',
    },
    loadBalancerPools: data['load-balancer-pools'],
    allocationFile: data['allocation-file'] ?? allocationPath(data.instance),
    servicesBackend: data['services-backend'],
    socketLb: data['socket-lb'],
    socketLbCgroup: data['socket-lb-cgroup'],
    policyBackend: data['policy-backend'],
    policyDeny: data['policy-deny'],
    sameNode: data['same-node'],
    policyDefaultClosed: data['policy-default-closed'],
    healthzBind: data['healthz-bind-address'],
    metricsBind: data['metrics-bind-address'],
    serviceMetrics: data['service-metrics'],
    logLevel: data['log-level'],
    minSyncPeriodMs: data['min-sync-period'],
    syncPeriodMs: data['sync-period'],
  };
}
