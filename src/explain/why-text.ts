/** One readable line: why a packet goes where it goes. */
import type { NodeName } from '../model/names.ts';
import type { ExclusionReason, ServiceRows } from '../model/rows.ts';
import type { CandidateList } from './candidate-list.ts';
import type { Decision } from './decide.ts';

/** How many excluded endpoints a line names before it only counts. */
const NAMED_EXCLUSIONS = 3;

const REASONS: Readonly<Record<ExclusionReason, string>> = {
  'not-ready': 'not ready',
  terminating: 'terminating',
  'other-node': 'on another node',
  'other-zone': 'in another zone',
  'port-name-mismatch': 'under another port name',
  'other-family': 'of another address family',
  'address-not-allowed': 'at an address no endpoint may have',
  duplicate: 'listed twice',
  maintenance: 'in maintenance',
};

/** What decided, at which node, in the words of Kubernetes. */
export function decisionText(
  node: NodeName,
  decision: Decision,
  list: CandidateList,
  policy: 'Cluster' | 'Local' | null,
): string {
  const { step, service, frontend } = decision;
  if (service === null || frontend === null) return addressText(node, decision);
  const name = `${service.displayName} ${frontend.kind}`;
  if (step === 'source-range') {
    const place = service.sourceRanges?.policy === 'deny' ? 'inside its denied' : 'outside its';
    return `${name}: the client is ${place} source ranges, dropped at ${node}`;
  }
  if (frontend.kind === 'hostPort') return `${name}: the pod on ${node} has the port`;
  const met = policy === null ? name : `${name}, policy ${policy}`;
  if (decision.verdict === 'translated') return `${met}: ${countText(list)}${choiceText(service, list)}`;
  const missing = list.excluded.length > 0 ? ` (${excludedText(list)})` : '';
  if (decision.verdict === 'rejected') return `${met}: no endpoint at all${missing}, refused`;
  return `${met}: no endpoint on ${node}${missing}, dropped`;
}

function addressText(node: NodeName, { step }: Decision): string {
  if (step === 'undefined-port') return 'no port of the Service has this number and protocol, refused';
  if (step === 'external-cluster-ip') return `cluster IPs are not served to the outside, dropped at ${node}`;
  if (step === 'unallocated') return `no Service has this address of the service range, dropped at ${node}`;
  return `no row of ${node} concerns it`;
}

function countText(list: CandidateList): string {
  const known = new Set([...list.candidates, ...list.excluded.map(({ endpoint }) => endpoint)]);
  const total = known.size;
  const counted = `${list.candidates.length} of ${total} endpoint${total === 1 ? '' : 's'}`;
  return list.excluded.length === 0 ? counted : `${counted}, ${excludedText(list)}`;
}

/** How one of several is chosen, unless all have the same chance. */
function choiceText({ balancing }: ServiceRows, { weights }: CandidateList): string {
  if (weights.length < 2) return '';
  const differ = weights.some((weight) => weight !== weights[0]);
  const scheduler = balancing.scheduler === 'random' && !differ ? '' : `; one by ${balancing.scheduler}`;
  return differ ? `${scheduler}, weights ${weights.join(', ')}` : scheduler;
}

function excludedText({ excluded }: CandidateList): string {
  const named = excluded.slice(0, NAMED_EXCLUSIONS).map(({ endpoint, why }) => `${endpoint} ${REASONS[why]}`);
  const more = excluded.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}
