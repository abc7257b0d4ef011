/** What the programs in the kernel do to a packet, beside what the rows say of it: the two must not differ. */

import type { Rehearsal, RehearsedVerdict } from '../dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import type { PolicyTables } from '../dataplane/policy-decision.ts';
import { type Address, familyOf, formatEndpoint } from '../model/address.ts';
import type { ObjectName, Protocol } from '../model/names.ts';
import type { Direction, RuleName } from '../model/policy-rows.ts';
import { ruleText } from '../model/rule-place.ts';
import { endText } from './end-text.ts';
import {
  type Judgement,
  judgementOfRows,
  type KernelQuestion,
  type KnownRows,
  ledByRows,
  STRAIGHT,
} from './rows-judgement.ts';

/** One side's word: the rows', or the kernel's. */
export interface Word {
  readonly verdict: 'allowed' | 'denied';
  /** The rule as a person finds it; where none decided, why. */
  readonly by: string;
  /** What would deny if the audited policies were enforced. */
  readonly auditDeniedBy: string | null;
}

export interface KernelAnswer {
  /** Whose interface it is, and which way the packet goes there, seen from the pod. */
  readonly pod: ObjectName;
  readonly direction: Direction;
  readonly address: Address;
  readonly peer: Address;
  readonly protocol: Protocol | 'ICMP';
  readonly port: number | null;
  /** Where the peer is a Service's address: the backend (`address:port`) that the kernel chose now, or who answers a ping; else null. */
  readonly backend: string | null;
  readonly rows: Word;
  readonly kernel: Word;
  /** Verdict and rules are the same. */
  readonly agrees: boolean;
}

/**
 * Asks the kernel and the rows. Questions about peers of a family that the pod has no address of are left out.
 * @throws Error when the kernel can't be asked
 */
export async function askKernel(
  rehearsal: Pick<Rehearsal, 'judge'>,
  known: KnownRows,
  subject: PodInterface,
  direction: Direction,
  questions: readonly KernelQuestion[],
): Promise<readonly KernelAnswer[]> {
  const asked = questions.flatMap((question) => {
    const own = subject.addresses.find((address) => familyOf(address) === familyOf(question.peer));
    return own === undefined ? [] : [{ ...question, own }];
  });
  const flows = asked.map(({ own, peer, protocol, port }) => {
    const [source, destination] = direction === 'egress' ? [own, peer] : [peer, own];
    return { source, destination, protocol, port };
  });
  const verdicts = await rehearsal.judge({ interfaceIndex: subject.interfaceIndex, direction }, flows);
  return asked.flatMap(({ own, ...question }, index) => {
    const kernel = verdicts[index];
    if (kernel === undefined) return [];
    const sentTo = kernel.peer;
    const led = direction === 'egress' && !subject.held ? ledByRows(known, own, question, sentTo) : STRAIGHT;
    const rows = judgementOfRows(known.policies, subject, direction, question, led);
    return [
      {
        ...factsOf(subject.pod, direction, own, question),
        backend: led.kind === 'backend' && sentTo !== null ? placeOf(question, sentTo) : null,
        rows: wordOf(rows, known.policies),
        kernel: wordOf(kernel, known.policies),
        agrees: isSameJudgement(rows, kernel) && (led.kind !== 'backend' || led.isChosen || sentTo === null),
      },
    ];
  });
}

function placeOf({ protocol }: KernelQuestion, { address, port }: NonNullable<RehearsedVerdict['peer']>) {
  return protocol === null ? address : formatEndpoint(address, port);
}

function isSameJudgement(a: Judgement, b: Judgement): boolean {
  return a.verdict === b.verdict && a.reason === b.reason && a.rule === b.rule && a.auditRule === b.auditRule;
}

/** The answer for a pod without an interface to judge it on: all passes there. None where no policy selects it. */
export function unguardedAnswer(
  tables: PolicyTables,
  { pod, addresses }: Pick<PodInterface, 'pod' | 'addresses'>,
  direction: Direction,
  question: KernelQuestion,
): readonly KernelAnswer[] {
  const own = addresses.find((address) => familyOf(address) === familyOf(question.peer));
  if (own === undefined || !tables.rows.subjects.has(pod)) return [];
  const rows = wordOf(judgementOfRows(tables, { pod, held: false }, direction, question, STRAIGHT), tables);
  const kernel = {
    verdict: 'allowed',
    by: 'the pod has no interface to judge it on',
    auditDeniedBy: null,
  } as const;
  return [{ ...factsOf(pod, direction, own, question), backend: null, rows, kernel, agrees: false }];
}

function factsOf(
  pod: ObjectName,
  direction: Direction,
  address: Address,
  { peer, protocol, port }: KernelQuestion,
) {
  return {
    pod,
    direction,
    address,
    peer,
    protocol: protocol ?? ('ICMP' as const),
    port: protocol === null ? null : port,
  };
}

/** One loud line about an answer that does not agree. `nameOf`: whose an address is. */
export function disagreementText(
  { pod, direction, address, peer, protocol, port, backend, rows, kernel }: KernelAnswer,
  nameOf: (address: Address) => string | undefined,
): string {
  const own = { address, name: pod };
  const other = { address: peer, name: nameOf(peer) ?? null };
  const [client, server] = direction === 'egress' ? [own, other] : [other, own];
  const [from, to] = [endText(client.name, client.address, null), endText(server.name, server.address, port)];
  const flow = `${from} → ${to}`;
  const led = backend === null ? '' : `, led to ${backend}`;
  return `KERNEL AND ROWS DISAGREE: ${direction} of ${flow} ${protocol}: rows: ${wordText(rows)}; kernel: ${wordText(kernel)}${led}`;
}

function wordOf({ verdict, reason, rule, auditRule }: Judgement, { rows }: PolicyTables): Word {
  const textOf = (name: RuleName): string => {
    const known = rows.rules.get(name);
    return known === undefined ? `a rule that is not among the rows (${name})` : ruleText(known);
  };
  const withoutRule = verdict === 'pass' ? 'no policy selects the pod' : reason;
  return {
    verdict: verdict === 'pass' ? 'allowed' : 'denied',
    by: rule === null ? withoutRule : textOf(rule),
    auditDeniedBy: auditRule === null ? null : textOf(auditRule),
  };
}

function wordText({ verdict, by, auditDeniedBy }: Word): string {
  const audited = auditDeniedBy === null ? '' : `, would be denied: ${auditDeniedBy}`;
  return `${verdict} (${by}${audited})`;
}
