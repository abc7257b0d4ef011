/** A lab whose agents enforce policies by one backend, asked in short words. */
import { afterAll, expect } from 'vitest';
import type { PolicyStatus } from '../../src/agent/policy-record.ts';
import { type LabCluster, type Question, useLab } from './lab-cluster.ts';
import type { Manifest } from './manifests.ts';

/** Backends that every behaviour of policies is held on. */
export const POLICY_BACKENDS = ['bpf', 'nft'] as const;
export type PolicyBackendName = (typeof POLICY_BACKENDS)[number];

export interface PolicyLab extends LabCluster {
  /**
   * Answers `FROM > TO:PORT/PROTOCOL` (protocol: tcp unless given) with the verdict, by question; where the families
   * differ, `4 VERDICT, 6 VERDICT`.
   */
  verdicts(...questions: readonly string[]): Promise<Readonly<Record<string, string>>>;
  /** Applies the manifests, does the work, and removes them whatever happens. */
  during<Result>(manifests: readonly Manifest[], work: () => Promise<Result>): Promise<Result>;
  policies(node: string): Promise<PolicyStatus>;
}

/** Declares the suite's lab. After its tests the nodes' counters must show that the backend let pass and dropped. */
export function usePolicyLab(
  backend: PolicyBackendName,
  manifests: readonly Manifest[],
  agentArguments: readonly string[] = [],
): PolicyLab {
  const lab = useLab(manifests, {
    agentArguments: [`--policy-backend=${backend}`, ...agentArguments],
    expectTranslation: false,
  });
  const nodes = manifests.filter(({ kind }) => kind === 'Node').map(nameOf);
  const policies = async (node: string) => (await lab.status(node)).policies as PolicyStatus;
  afterAll(async () => {
    const all = await Promise.all(nodes.map(policies));
    const allowed = all.map(({ kernel }) => kernel?.tallies.allowed ?? 0);
    const dropped = all.flatMap(({ kernel }) => kernel?.drops ?? []);
    expect(sum(allowed)).toBeGreaterThan(0);
    expect(sum(dropped.map(({ ingress, egress }) => ingress + egress))).toBeGreaterThan(0);
  });
  return {
    ...lab,
    policies,
    async verdicts(...questions) {
      const asked = questions.map(questionOf);
      const lines = await lab.probe(
        ...asked.flatMap((question) => [
          { ...question, family: 4 as const },
          { ...question, family: 6 as const },
        ]),
      );
      return Object.fromEntries(
        questions.map((question, index) => {
          const [four, six] = [lines[2 * index]?.verdict, lines[2 * index + 1]?.verdict];
          return [question, four === six ? String(four) : `4 ${four}, 6 ${six}`];
        }),
      );
    },
    async during(added, work) {
      await lab.apply(...added);
      try {
        return await work();
      } finally {
        await lab.remove(...added);
      }
    },
  };
}

function questionOf(text: string): Question {
  const match = /^(\S+) > (nodeport:[^\s/]+|\S+?)(?::(\w+))?(?:\/(tcp|udp|sctp|icmp))?$/.exec(text);
  const [, from, to, port, protocol] = match ?? [];
  if (from === undefined || to === undefined) throw new Error(`${text}: write FROM > TO:PORT/PROTOCOL`);
  return {
    from,
    to,
    ...(port === undefined ? {} : { port: /^\d+$/.test(port) ? Number(port) : port }),
    ...(protocol === undefined ? {} : { protocol: protocol as 'tcp' | 'udp' | 'sctp' | 'icmp' }),
  };
}

function nameOf({ metadata }: Manifest): string {
  return (metadata as { readonly name: string }).name;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
