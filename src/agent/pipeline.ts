/**
 * Objects in, changes of rows out: the control plane completes them, the world indexes them, the compiler looks at what
 * was touched. Nothing here waits or writes; the loop decides when to compile.
 */
import { compareText, type NodeName } from '../model/names.ts';
import type { ObjectChange, Problem } from '../model/objects.ts';
import type { Rows, RowsChange } from '../model/rows.ts';
import type { SourceBatch } from '../model/source.ts';
import type { ClusterView, Touched } from '../model/view.ts';
import { createPolicyPipeline, type PolicyPipeline, type PolicyPipelineParts } from './policy-pipeline.ts';
import type { HealthCheck } from './service-health.ts';
import { mergeTouched, nothingTouched } from './touched.ts';

/** The parts the pipeline joins; all of them are other rooms'. */
export interface PipelineParts {
  readonly controlPlane: {
    apply(changes: readonly ObjectChange[]): {
      readonly changes: readonly ObjectChange[];
      readonly problems: readonly Problem[];
    };
  };
  readonly world: { readonly view: ClusterView; apply(changes: readonly ObjectChange[]): Touched };
  readonly compiler: {
    update(
      view: ClusterView,
      touched: Touched | 'everything',
    ): {
      readonly change: RowsChange;
      readonly problems: readonly Problem[];
      readonly healthChecks: readonly HealthCheck[];
    };
    rows(): Rows;
  };
  /** Absent: there are no policy rows. */
  readonly policyCompiler?: PolicyPipelineParts['compiler'];
}

export interface Compiled {
  readonly change: RowsChange;
  readonly healthChecks: readonly HealthCheck[];
  /** When the API server saw the changes that led to the endpoints compiled now; milliseconds since the epoch. */
  readonly triggeredAtMs: readonly number[];
}

export interface Pipeline {
  /** Takes a batch of the source. */
  accept(batch: SourceBatch): void;
  /** Compiles what was touched since the last call; throws what the compiler throws, and then starts from scratch. */
  compile(): Compiled;
  rows(): Rows;
  /** All that source, control plane and compiler found wrong, by object. */
  problems(): readonly Problem[];
  /** Objects accepted so far, by what kube-proxy's metrics count. */
  changeCounts(): { readonly services: number; readonly endpoints: number };
  /** This node's object is being deleted, or the cluster autoscaler has said that it will be. */
  nodeDeleting(node: NodeName): boolean;
}

const TRIGGER_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

/** The control plane where the source is an API server, which has completed its objects already. */
export const completedElsewhere: PipelineParts['controlPlane'] = {
  apply: (changes) => ({ changes, problems: [] }),
};

/** Joins the parts; holds what was touched between two compiles. */
export function createPipeline({
  controlPlane,
  world,
  compiler,
  policyCompiler,
}: PipelineParts): Pipeline & PolicyPipeline {
  let touched: Touched | 'everything' = 'everything';
  const policies = createPolicyPipeline({
    view: world.view,
    ...(policyCompiler === undefined ? {} : { compiler: policyCompiler }),
  });
  let sourceProblems: readonly Problem[] = [];
  let clusterProblems: readonly Problem[] = [];
  let compileProblems: readonly Problem[] = [];
  let triggeredAtMs: number[] = [];
  const counts = { services: 0, endpoints: 0 };

  return {
    accept(batch) {
      sourceProblems = batch.problems;
      const completed = controlPlane.apply(batch.changes);
      clusterProblems = completed.problems;
      const news = world.apply(completed.changes);
      touched = mergeTouched(touched, news);
      policies.touch(news);
      for (const change of completed.changes) {
        const kind = change.type === 'set' ? change.object.kind : change.kind;
        if (kind === 'Service') counts.services += 1;
        if (kind === 'EndpointSlice') counts.endpoints += 1;
        triggeredAtMs.push(...triggerTime(change));
      }
    },
    compile() {
      const work = touched;
      touched = 'everything';
      const result = compiler.update(world.view, work);
      touched = nothingTouched();
      compileProblems = result.problems;
      const times = triggeredAtMs;
      triggeredAtMs = [];
      return { change: result.change, healthChecks: result.healthChecks, triggeredAtMs: times };
    },
    rows: () => compiler.rows(),
    ...policies,
    problems: () =>
      [...sourceProblems, ...clusterProblems, ...compileProblems, ...policies.policyProblems()].sort(
        compareProblems,
      ),
    changeCounts: () => ({ ...counts }),
    nodeDeleting(node) {
      const { deleting, leaving } = world.view.nodes.get(node) ?? {};
      return deleting === true || leaving === true;
    },
  };
}

function triggerTime(change: ObjectChange): readonly number[] {
  if (change.type !== 'set' || change.object.kind !== 'EndpointSlice') return [];
  const time = Date.parse(change.object.annotations[TRIGGER_ANNOTATION] ?? '');
  return Number.isNaN(time) ? [] : [time];
}

function compareProblems(a: Problem, b: Problem): number {
  return compareText(
    `${a.object.kind}/${a.object.namespace}/${a.object.name}`,
    `${b.object.kind}/${b.object.namespace}/${b.object.name}`,
  );
}
