/** Policies as people ask for them: what stands in the kernel, what was dropped and why, which rules decided. */
import type { PolicyStatus } from '../agent/policy-record.ts';
import type { ServiceRowsStatus } from '../agent/service-rows-record.ts';
import type { MapUpgrade } from '../dataplane/bpf/migration/takeover.ts';
import type { PassageFigures } from '../dataplane/policy-backend.ts';
import { compareText } from '../model/names.ts';
import type { RuleRow } from '../model/policy-rows.ts';
import { policyText, ruleText } from '../model/rule-place.ts';
import { table } from './output.ts';

/** A line on rows, then drops by reason, pods where nothing is enforced, interfaces whose packets all go by the node's stack, policies that a failure closed, and rules by hits. `unused`: rules without any. */
export function policiesTable(status: PolicyStatus, unused: readonly RuleRow[]): string {
  const { rows, kernel, services, unenforced, closed, guarded, lastError } = status;
  const summary = [
    `${rows.subjects} of ${guarded + unenforced.length} local pods are selected, in ${rows.classes} classes; ${rows.peers} peers, ${rows.verdicts} verdict rows, ${rows.rules} rules`,
    ...(kernel === null
      ? ['nothing is in the kernel yet']
      : [`revision ${kernel.revision}${kernel.flows === null ? '' : `, ${kernel.flows} open flows`}`]),
    ...upgradeLines(kernel?.upgrade ?? null),
    ...passageLines(kernel),
    ...(lastError === null ? [] : [`last error: ${lastError}`]),
    ...(services === null ? [] : [servicesText(services)]),
  ].join('\n');
  const drops = (kernel?.drops ?? []).filter(({ ingress, egress }) => ingress + egress > 0);
  return [
    summary,
    ...section(
      ['dropped because', 'to pods', 'from pods'],
      drops.map(({ reason, ingress, egress }) => [reason, String(ingress), String(egress)]),
    ),
    ...section(
      ['not enforced on', 'because'],
      unenforced.map(({ pod, reason, detail }) => [pod, [reason, detail].filter(Boolean).join(': ')]),
    ),
    ...section(
      ['by the stack at', 'because of'],
      (kernel?.passages?.refused ?? []).map((each) => [
        each.interface,
        each.why.map((word) => STRANGERS[word]).join(', '),
      ]),
    ),
    ...section(
      ['closed for its pods', 'because'],
      closed.map(({ policy, reason, message }) => [policyText(policy), `${reason}: ${message}`]),
    ),
    ...section(['rule', 'direction', 'hits', 'last'], ruleLines(status, unused)),
  ].join('\n\n');
}

/** Whom packets would miss that went past the node's stack. */
const STRANGERS: Readonly<Record<PassageFigures['refused'][number]['why'][number], string>> = {
  program: 'another’s program (tcx)',
  filter: 'another’s filter (clsact)',
  queue: 'a queueing discipline',
  bridge: 'the bridge it is a port of',
};

function passageLines(kernel: PolicyStatus['kernel']): readonly string[] {
  if (kernel === null || kernel.passages === null) return [];
  const { interfaces, lastError } = kernel.passages;
  const count = `${kernel.tallies['passed-by']} packets went from pod to pod past the node’s stack`;
  return [
    lastError === null ? `${count}, between ${interfaces} interfaces` : `${count}; not now: ${lastError}`,
  ];
}

function servicesText({ tables, unprogrammed, lastError }: ServiceRowsStatus): string {
  const parts = Object.entries(tables ?? {}).map(([name, { entries }]) => `${entries} ${name}`);
  if (unprogrammed.length > 0) parts.push(`no room for ${unprogrammed.join(', ')}`);
  if (lastError !== null) parts.push(`last error: ${lastError}`);
  return `rows of Services: ${parts.join(', ')}`;
}

function section(header: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  return lines.length === 0 ? [] : [table(header, lines)];
}

function ruleLines({ rules }: PolicyStatus, unused: readonly RuleRow[]): readonly (readonly string[])[] {
  const never = unused.map((rule) => ({ rule, hits: 0, lastHitAt: 'never' }));
  return [...rules, ...never]
    .map(({ rule, hits, lastHitAt }) => ({
      text: ruleText(rule),
      direction: rule.direction,
      hits,
      lastHitAt,
    }))
    .sort((a, b) => b.hits - a.hits || compareText(a.text, b.text))
    .map(({ text, direction, hits, lastHitAt }) => [text, direction, String(hits), lastHitAt]);
}

function upgradeLines(upgrade: MapUpgrade | null): readonly string[] {
  if (upgrade === null) return [];
  const { changed, carried, complete } = upgrade;
  const maps = changed.length === 0 ? '' : ` (${changed.join(', ')})`;
  const rest = complete ? '' : '; its programs still judge';
  return [
    `another version had other maps${maps}: ${carried} open flows and other memories carried over${rest}`,
  ];
}
