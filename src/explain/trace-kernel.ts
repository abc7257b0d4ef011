/** `weir trace --kernel`: the ends that policies judge on one node, asked of the programs in its kernel too. */

import type { Rehearsal } from '../dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import { policyTables } from '../dataplane/policy-decision.ts';
import { objectName } from '../model/names.ts';
import { askKernel, type KernelAnswer, unguardedAnswer } from './kernel-answer.ts';
import { addressesOfNode, lookupTables } from './lookup-tables.ts';
import type { PolicyEnd } from './policy-answer.ts';
import type { KnownRows } from './rows-judgement.ts';
import { type InstalledRows, type TraceInput, traceManifests } from './trace.ts';
import type { TraceAnswer, TraceLine } from './trace-line.ts';

/** An answer with what the kernel says at each end that is on the agent's node; empty where none is. */
export interface KernelTraceAnswer extends TraceAnswer {
  readonly kernel: readonly KernelAnswer[];
}

export type KernelTraceLine = KernelTraceAnswer | Exclude<TraceLine, TraceAnswer>;

/** Traces by the rows that the agent has, and asks the kernel of its node. */
export async function traceKernel(
  input: TraceInput & {
    readonly installed: InstalledRows;
    readonly interfaces: readonly PodInterface[];
    readonly rehearsal: Pick<Rehearsal, 'judge'>;
  },
): Promise<readonly KernelTraceLine[]> {
  const { installed, rehearsal } = input;
  const known = {
    policies: policyTables(installed.policyRows),
    services: lookupTables(installed.rows, addressesOfNode(input.objects, installed.node)),
  };
  const interfaces = new Map(input.interfaces.map((each) => [each.pod, each]));
  const asked = new Map<TraceLine, readonly PolicyEnd[]>();
  const lines = traceManifests({ ...input, onPolicyEnds: (line, ends) => void asked.set(line, ends) });
  const answered: KernelTraceLine[] = [];
  for (const line of lines) {
    if ('error' in line) {
      answered.push(line);
      continue;
    }
    const kernel: KernelAnswer[] = [];
    for (const end of [...dialledEnd(line, asked.get(line) ?? []), ...(asked.get(line) ?? [])]) {
      if (end.subject.nodeName !== installed.node) continue;
      const subject = interfaces.get(objectName(end.subject.namespace, end.subject.name));
      kernel.push(...(await answersOf(rehearsal, known, subject, end)));
    }
    answered.push({ ...line, kernel });
  }
  return answered;
}

/** Behind a Service’s address the programs choose who answers themselves: the packet as its pod sends it. */
function dialledEnd(
  { service, address, port }: TraceAnswer,
  ends: readonly PolicyEnd[],
): readonly PolicyEnd[] {
  const end = ends.find(({ direction }) => direction === 'egress');
  if (service === null || end === undefined) return [];
  return [{ ...end, peer: address, port: port ?? 0 }];
}

async function answersOf(
  rehearsal: Pick<Rehearsal, 'judge'>,
  known: KnownRows,
  subject: PodInterface | undefined,
  end: PolicyEnd,
): Promise<readonly KernelAnswer[]> {
  if (subject !== undefined) return askKernel(rehearsal, known, subject, end.direction, [end]);
  const { namespace, name, addresses } = end.subject;
  return unguardedAnswer(known.policies, { pod: objectName(namespace, name), addresses }, end.direction, end);
}
