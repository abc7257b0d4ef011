/** A plan of policies for people. */
import { PROTOCOLS } from '../model/names.ts';
import { decidedText } from '../model/rule-place.ts';
import { ACTION_SIGNS, type Counted, countText } from './plan-report.ts';
import { isEmptyPolicyPlan, type PlannedPod, type PolicyFact, type PolicyPlan } from './policy-plan.ts';
import { LAST_PORT, type Outcome, type PortSpan } from './verdict-changes.ts';

/** How many pods or peers a line names before it only counts. */
const MOST_NAMES = 5;

/** The lines of a plan: policies, then pods with what becomes of their traffic; none for a plan without changes. */
export function policyPlanLines(plan: PolicyPlan): readonly string[] {
  if (isEmptyPolicyPlan(plan)) return [];
  const { policies, pods, rows } = plan;
  const counted = Object.entries(rows).flatMap(([table, count]) =>
    count === 0 ? [] : [`${table} ${count}`],
  );
  return [
    `policy rows to write: ${counted.join(', ')}`,
    ...section('policies', policies, (policy) => [`  ${ACTION_SIGNS[policy.action]} ${policy.policy}`]),
    ...section('pods that policies select', pods, () => []),
    ...[...Map.groupBy(pods, sameLines).values()].flatMap(podLines),
    ...(pods.some(({ facts }) => facts.length > 0) ? [] : ['no verdict changes']),
  ];
}

function section<Item extends Counted>(
  title: string,
  items: readonly Item[],
  linesOf: (item: Item) => readonly string[],
): readonly string[] {
  return items.length === 0 ? [] : [`${title}: ${countText(items)}`, ...items.flatMap(linesOf)];
}

function sameLines({ action, facts }: PlannedPod): string {
  return [action, ...facts.map(factText)].join('\n');
}

function podLines(pods: readonly PlannedPod[]): readonly string[] {
  const [first] = pods;
  if (first === undefined) return [];
  return [
    `  ${ACTION_SIGNS[first.action]} ${namesText(pods.map(({ pod }) => pod))}`,
    ...first.facts.map((fact) => `      ${factText(fact)}`),
  ];
}

function factText({ direction, peers, everybodyElse, ports, before, after }: PolicyFact): string {
  const way = direction === 'ingress' ? 'ingress from' : 'egress to';
  const but = everybodyElse ? `anybody${peers.length > 0 ? ' but ' : ''}` : '';
  return `${way} ${but}${namesText(peers)}: ${portsText(ports)} ${outcomeText(after)} (was ${outcomeText(before)})`;
}

function namesText(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  const named = names.slice(0, MOST_NAMES).join(', ');
  return more > 0 ? `${named} and ${more} more` : named;
}

/** The shorter of what is meant, and of what is not. */
function portsText(ports: readonly PortSpan[]): string {
  const others = complement(ports);
  if (others.length === 0) return 'everything';
  return others.length < ports.length ? `everything but ${spansText(others)}` : spansText(ports);
}

function complement(ports: readonly PortSpan[]): readonly PortSpan[] {
  return [...PROTOCOLS, null].flatMap((protocol) => {
    const others: PortSpan[] = [];
    let first = 0;
    for (const span of ports.filter((each) => each.protocol === protocol)) {
      if (span.first > first) others.push({ protocol, first, last: span.first - 1 });
      first = span.last + 1;
    }
    return first > LAST_PORT ? others : [...others, { protocol, first, last: LAST_PORT }];
  });
}

function spansText(ports: readonly PortSpan[]): string {
  return ports
    .map(({ protocol, first, last }) => {
      if (protocol === null) return 'other protocols';
      if (first === 0 && last === LAST_PORT) return protocol;
      return `${protocol} ${first === last ? first : `${first}-${last}`}`;
    })
    .join(', ');
}

function outcomeText(outcome: Outcome): string {
  const { verdict, auditDeniedBy } = outcome;
  const audited = auditDeniedBy.length === 0 ? '' : `; would be denied by ${auditDeniedBy.join(', ')}`;
  return `${verdict}, ${decidedText(outcome)}${audited}`;
}
