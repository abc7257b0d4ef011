/** `weir trace --kernel`: the ends that policies judge on one node, asked of the programs in its kernel too. */

import type { Rehearsal } from '../dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import { type PolicyTables, policyTables } from '../dataplane/policy-decision.ts';
import { objectName } from '../model/names.ts';
import { askKernel, type KernelAnswer, unguardedAnswer } from './kernel-answer.ts';
import type { PolicyEnd } from './policy-answer.ts';
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
  const tables = policyTables(installed.policyRows);
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
    for (const end of asked.get(line) ?? []) {
      if (end.subject.nodeName !== installed.node) continue;
      const subject = interfaces.get(objectName(end.subject.namespace, end.subject.name));
      kernel.push(...(await answersOf(rehearsal, tables, subject, end)));
    }
    answered.push({ ...line, kernel });
  }
  return answered;
}

async function answersOf(
  rehearsal: Pick<Rehearsal, 'judge'>,
  tables: PolicyTables,
  subject: PodInterface | undefined,
  end: PolicyEnd,
): Promise<readonly KernelAnswer[]> {
  if (subject !== undefined) return askKernel(rehearsal, tables, subject, end.direction, [end]);
  const { namespace, name, addresses } = end.subject;
  return unguardedAnswer(tables, { pod: objectName(namespace, name), addresses }, end.direction, end);
}
