/** Rows as named facts: what `plan` compares and prints, one line per frontend, slot or setting. */
import { formatEndpoint } from '../model/address.ts';
import {
  type BackendRow,
  type Balancing,
  DEFAULT_BALANCING,
  DEFAULT_WEIGHT,
  type FrontendRow,
  type NodeRows,
  type ServiceAddressRow,
  type ServiceRows,
} from '../model/rows.ts';

/** What the fact is about → what it says. The order is that of printing. */
export type Facts = ReadonlyMap<string, string>;

/** Facts of one Service port and family: frontends, slots, and what concerns all of them. */
export function serviceFacts(service: ServiceRows): Facts {
  const { affinitySeconds, sourceRanges, balancing } = service;
  return new Map([
    ...service.frontends.map((frontend) => [frontendName(frontend), treatmentText(frontend)] as const),
    ...slotFacts('cluster', service.cluster),
    ...slotFacts('local', service.local),
    ...(affinitySeconds === null ? [] : [['affinity', `${affinitySeconds} s`] as const]),
    ...balancingFacts(balancing),
    ...(sourceRanges === null
      ? []
      : [['source ranges', `${sourceRanges.policy} ${sourceRanges.prefixes.join(', ') || 'none'}`] as const]),
    ...service.excluded.map(({ endpoint, list, why }) => [`excluded ${endpoint} (${list})`, why] as const),
  ]);
}

/** Facts of a Service's address. */
export function addressFacts(row: ServiceAddressRow): Facts {
  return new Map([
    ['owner', `${row.owner} (${row.kind})`],
    ['ping', row.pingable ? 'answered' : 'not answered'],
  ]);
}

/** Facts of the node-wide rows; each list is one fact. */
export function nodeFacts(node: NodeRows): Facts {
  const list = (values: readonly string[]) => values.join(', ') || 'none';
  return new Map([
    ['inside', list(node.inside)],
    ['node-port addresses', list(node.nodePortAddresses)],
    ['other node addresses', list(node.otherNodeAddresses)],
    ['service CIDRs', list(node.serviceCidrs)],
    ['masquerade sources', list(node.masqueradeSources)],
    ['never masqueraded', list(node.nonMasquerade)],
    ['node addresses', list(node.nodeAddresses)],
    ['external cluster IP', node.externalClusterIp],
    ['masquerade all', String(node.masqueradeAll)],
    ['node-port range', node.nodePortRange.join('-')],
  ]);
}

function frontendName({ kind, address, port }: FrontendRow): string {
  return `frontend ${kind} ${address === null ? `*:${port}` : formatEndpoint(address, port)}`;
}

function treatmentText({ kind, inside, outside, elsewhere, checkSources }: FrontendRow): string {
  const parts = [`inside ${inside}`, `outside ${outside}${checkSources ? ' (sources checked)' : ''}`];
  if (kind === 'nodePort') parts.push(`elsewhere ${elsewhere}`);
  return parts.join(', ');
}

function slotFacts(list: string, backends: readonly BackendRow[]): readonly (readonly [string, string])[] {
  return backends.map((backend, slot) => [`slot ${list}/${slot}`, backendText(backend)] as const);
}

/** What differs from the balancing of a Service that asks for nothing. */
function balancingFacts({
  scheduler,
  slowStartSeconds,
  ejects,
  retries,
  terminateAfterSeconds,
}: Balancing): readonly (readonly [string, string])[] {
  const plain = DEFAULT_BALANCING;
  return [
    ...(scheduler === plain.scheduler ? [] : [['scheduler', scheduler] as const]),
    ...(slowStartSeconds === plain.slowStartSeconds
      ? []
      : [['slow start', `${slowStartSeconds} s`] as const]),
    ...(ejects === plain.ejects ? [] : [['ejection', 'off'] as const]),
    ...(retries === plain.retries ? [] : [['retry', 'off'] as const]),
    ...(terminateAfterSeconds === null ? [] : [['terminate after', `${terminateAfterSeconds} s`] as const]),
  ];
}

function backendText({ address, port, weight, pod, nodeName, nodeLocal, zone }: BackendRow): string {
  const place = nodeLocal ? 'this node' : nodeName === null ? null : `node ${nodeName}`;
  const share = weight === DEFAULT_WEIGHT ? null : `weight ${weight}`;
  const known = [pod, place, zone === null ? null : `zone ${zone}`, share].filter((part) => part !== null);
  const text = formatEndpoint(address, port);
  return known.length === 0 ? text : `${text} (${known.join(', ')})`;
}
