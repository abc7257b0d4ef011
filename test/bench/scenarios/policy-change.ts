/** One policy is edited among many, on a node whose agent enforces them: from the object to the kernel's acknowledgement. */
import { connectSilentPods, createNamespace, removeNamespaces } from '../namespaces.ts';
import { type PolicyProcess, startPolicyProcess } from '../policy-process.ts';
import { localPods, localPolicies, type PolicyShape } from '../policy-shape.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { percentile } from '../statistics.ts';

/** Of a round. */
const CHANGES = 200;
const APART_MS = 20;

interface Variant {
  readonly name: string;
  readonly enforcement: 'bpf' | 'nft';
  readonly shape: PolicyShape;
}

interface Node extends Variant {
  readonly namespaces: readonly string[];
  readonly agent: PolicyProcess;
}

export const POLICY_CHANGE: Scenario = {
  name: 'policy-change',
  about: 'one policy changes among many, in a real agent: object in, enforced by the kernel',
  async run(context) {
    const nodes: Node[] = [];
    try {
      for (const variant of variantsOf(context)) {
        context.progress(`preparing ${variant.name}`);
        nodes.push(await prepareNode(variant, context));
      }
      const rounds = context.rounds ?? 5;
      const changes = context.quick ? CHANGES / 4 : CHANGES;
      context.progress(`${nodes.length} variants, ${rounds} rounds of ${changes} changes each`);
      const latencies = await runInterleaved(
        nodes,
        { rounds, warmUps: 1, random: context.random },
        ({ agent }) => agent.change(changes, APART_MS),
      );
      return [...latencies].flatMap(([node, values]) => seriesOf(node, values));
    } finally {
      for (const { agent } of nodes) await agent.exit();
      removeNamespaces(nodes.flatMap(({ namespaces }) => namespaces));
    }
  },
};

/** A node as kubelets allow them, and one with ten times as many pods, where every policy selects some of them. */
function variantsOf({ quick }: ScenarioContext): readonly Variant[] {
  const cluster = quick ? { pods: 1_000, policies: 100 } : { pods: 10_000, policies: 1_000 };
  return [100, 10].flatMap((nodes) => {
    const shape = { ...cluster, nodes };
    const counts = `${localPods(shape).length} local pods, ${localPolicies(shape).length} policies about them`;
    return (['bpf', 'nft'] as const).map(
      (enforcement): Variant => ({ name: `${enforcement}, ${counts}`, enforcement, shape }),
    );
  });
}

async function prepareNode(variant: Variant, { folder }: ScenarioContext): Promise<Node> {
  const { enforcement, shape } = variant;
  const node = createNamespace('n');
  const pods = connectSilentPods(
    node,
    localPods(shape).map(({ addresses }) => addresses),
  );
  const agent = await startPolicyProcess(node, { enforcement, cluster: { of: 'shape', shape }, folder });
  return { ...variant, namespaces: [node, pods], agent };
}

function seriesOf({ name, enforcement }: Variant, rounds: readonly (readonly number[])[]): Series[] {
  const baseline = name.replace(enforcement, 'bpf');
  return [0.5, 0.99].map((share) => ({
    scenario: 'policy-change',
    variant: name,
    metric: `policy edited, p${share * 100}`,
    unit: 'ms',
    baseline,
    values: rounds.map((latencies) => percentile(latencies, share)),
  }));
}
