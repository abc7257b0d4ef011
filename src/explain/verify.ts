/** `weir verify`: every pair of local pods asked of the kernel, at both ends, and compared with the rows. */

import type { Rehearsal } from '../dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import { policyTables } from '../dataplane/policy-decision.ts';
import { type ObjectName, PROTOCOLS } from '../model/names.ts';
import { DIRECTIONS, type Direction, type PolicyClassName, type PolicyRows } from '../model/policy-rows.ts';
import type { Rows } from '../model/rows.ts';
import { askKernel, type KernelAnswer } from './kernel-answer.ts';
import { lookupTables } from './lookup-tables.ts';
import { type NamedPorts, namedPorts } from './named-ports.ts';
import type { KernelQuestion } from './rows-judgement.ts';
import { serviceQuestions } from './service-questions.ts';

/** What an agent enforces: its rows, and the interfaces of local pods. */
export interface Enforced {
  readonly rows: PolicyRows;
  readonly services: Rows;
  readonly interfaces: readonly PodInterface[];
}

export interface VerifyReport {
  /** Local pods with an interface, by name. */
  readonly pods: readonly ObjectName[];
  /** Pods that a policy selects and that have no interface to judge them on. */
  readonly unenforced: readonly ObjectName[];
  readonly ports: NamedPorts;
  /** Packets that the programs were run on. */
  readonly asked: number;
  /** Where kernel and rows say different things. */
  readonly disagreements: readonly KernelAnswer[];
}

/**
 * Asks each local pod’s programs about each other pod, both directions, all protocols and the ports that matter, and those of
 * one pod of each policy class about every Service.
 */
export async function verifyPolicies(
  rehearsal: Pick<Rehearsal, 'judge'>,
  { rows, services, interfaces }: Enforced,
): Promise<VerifyReport> {
  const known = {
    policies: policyTables(rows),
    services: lookupTables(services, services.node.nodeAddresses),
  };
  const ports = namedPorts(rows);
  const subjects = interfaces.filter(({ addresses }) => addresses.length > 0);
  let asked = 0;
  const disagreements: KernelAnswer[] = [];
  const ask = async (subject: PodInterface, direction: Direction, questions: readonly KernelQuestion[]) => {
    const answers = await askKernel(rehearsal, known, subject, direction, questions);
    asked += answers.length;
    disagreements.push(...answers.filter(({ agrees }) => !agrees));
  };
  for (const subject of subjects) {
    const others = subjects.filter((peer) => peer !== subject);
    const questions = others.flatMap((peer) => questionsAbout(peer, ports));
    for (const direction of DIRECTIONS) await ask(subject, direction, questions);
  }
  const aboutServices = serviceQuestions(services);
  for (const subject of oneOfEachClass(subjects, rows)) await ask(subject, 'egress', aboutServices);
  const guarded = new Set(interfaces.map(({ pod }) => pod));
  return {
    pods: subjects.map(({ pod }) => pod).sort(),
    unenforced: [...rows.subjects.keys()].filter((pod) => !guarded.has(pod)).sort(),
    ports,
    asked,
    disagreements,
  };
}

/** Pods that no policy selects are left to others: their packets to Services pass as they are. */
function oneOfEachClass(subjects: readonly PodInterface[], rows: PolicyRows): readonly PodInterface[] {
  const found = new Map<PolicyClassName, PodInterface>();
  for (const subject of subjects) {
    const row = rows.subjects.get(subject.pod);
    if (row !== undefined) found.set(row.policyClass, subject);
  }
  return [...found.values()];
}

function questionsAbout(
  { addresses }: PodInterface,
  { named, unnamed }: NamedPorts,
): readonly KernelQuestion[] {
  const ports = unnamed === null ? named : [...named, unnamed];
  return addresses.flatMap((peer) => [
    { peer, protocol: null, port: 0 },
    ...PROTOCOLS.flatMap((protocol) => ports.map((port) => ({ peer, protocol, port }))),
  ]);
}
