/** Policies in memory: compiled from nothing, and after single changes. No kernel, no parsing. */
import { createPolicyCompiler, type PolicyCompiler } from '../../../src/compile/policies/compiler.ts';
import type { WeirObject } from '../../../src/model/objects.ts';
import { createWorld, type World } from '../../../src/world/world.ts';
import { POLICY_NODE, type PolicyShape, podAt, policyAt, policyCluster } from '../policy-shape.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { percentile } from '../statistics.ts';

const EDITS = 200;
/** Prime to all sizes, so that edits wander through all namespaces. */
const STRIDE = 37;

interface Round {
  readonly coldMs: number;
  readonly editsMs: readonly number[];
  readonly relabelsMs: readonly number[];
}

export const POLICY_COMPILE: Scenario = {
  name: 'policy-compile',
  about: 'policies compiled in memory: cold, after the edit of a policy, after the relabelling of a pod',
  async run(context) {
    const scale = context.quick ? 10 : 1;
    // A tenth (a twentieth) of the pods are local: each of the 1,000 policies selects some, of the 10,000 a quarter do.
    const shapes: readonly PolicyShape[] = [
      { pods: 10_000 / scale, policies: 1_000 / scale, nodes: 10 },
      { pods: 5_000 / scale, policies: 10_000 / scale, nodes: 20 },
    ];
    return shapes.flatMap((shape) => {
      const rounds = Array.from({ length: context.rounds ?? 5 }, () => measure(shape));
      const variant = `${shape.policies} policies × ${shape.pods} pods`;
      for (const { coldMs } of rounds) context.progress(`${variant}: cold ${Math.round(coldMs)} ms`);
      return seriesOf(variant, rounds);
    });
  },
};

function measure(shape: PolicyShape): Round {
  const world = createWorld();
  set(world, [
    ...policyCluster(shape),
    ...Array.from({ length: shape.policies }, (_, index) => policyAt(shape, index)),
  ]);
  const compiler = createPolicyCompiler(POLICY_NODE);
  const began = performance.now();
  compiler.update(world.view, 'everything');
  const coldMs = performance.now() - began;
  const edits = Array.from({ length: EDITS }, (_, edit) =>
    policyAt(shape, (edit * STRIDE) % shape.policies, 8_081 + edit),
  );
  const relabels = Array.from({ length: EDITS }, (_, edit) => {
    const pod = podAt(shape, (edit * STRIDE) % shape.pods);
    return { ...pod, labels: { ...pod.labels, app: 'moved' } };
  });
  const timed = (object: WeirObject) => timedUpdate(world, compiler, object);
  return { coldMs, editsMs: edits.map(timed), relabelsMs: relabels.map(timed) };
}

function timedUpdate(world: World, compiler: PolicyCompiler, object: WeirObject): number {
  const touched = set(world, [object]);
  const began = performance.now();
  compiler.update(world.view, touched);
  return performance.now() - began;
}

function set(world: World, objects: readonly WeirObject[]) {
  return world.apply(objects.map((object) => ({ type: 'set', object })));
}

function seriesOf(variant: string, rounds: readonly Round[]): Series[] {
  const common = { scenario: 'policy-compile', variant, baseline: variant, unit: 'ms' };
  const share = (of: 'editsMs' | 'relabelsMs', part: number) =>
    rounds.map((round) => percentile(round[of], part));
  return [
    { ...common, metric: 'cold', values: rounds.map(({ coldMs }) => coldMs) },
    { ...common, metric: 'policy edited, p50', values: share('editsMs', 0.5) },
    { ...common, metric: 'policy edited, p99', values: share('editsMs', 0.99) },
    { ...common, metric: 'pod relabelled, p50', values: share('relabelsMs', 0.5) },
    { ...common, metric: 'pod relabelled, p99', values: share('relabelsMs', 0.99) },
  ];
}
