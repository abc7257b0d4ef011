/**
 * Objects in, changes of rows out: the control plane completes them, the world indexes them, the compiler looks at what
 * was touched. Nothing here waits or writes; the loop decides when to compile.
 */
import { type SocketExemptions, socketExemptions } from '../compile/sockets/exemptions.ts';
import type { Address } from '../model/address.ts';
import { compareText, type NodeName, type ObjectName } from '../model/names.ts';
import type { ObjectChange, Problem } from '../model/objects.ts';
import type { Rows, RowsChange, ServiceAddressRow } from '../model/rows.ts';
import type { SourceBatch } from '../model/source.ts';
import type { ClusterView, Touched } from '../model/view.ts';
import { createPolicyPipeline, type PolicyPipeline, type PolicyPipelineParts } from './policy-pipeline.ts';
import { mergeChanges, NO_CHANGE } from './rows-change.ts';
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
    addressRow(address: Address): ServiceAddressRow | undefined;
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
  /** The Service that has the address; undefined: none. */
  serviceAt(address: Address): ObjectName | undefined;
  /**
   * For one more who installs rows: each call of the result compiles what was touched and returns all that changed since the
   * one before, or at first, since it was made. It throws as `compile`.
   */
  followRows(): () => RowsChange;
  /** All that source, control plane and compiler found wrong, by object. */
  problems(): readonly Problem[];
  /** Pods of the node whose sockets are to be left to nft. Looks at all of them, and at all namespaces. */
  socketExemptions(node: NodeName): SocketExemptions;
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
  const services = createServiceCompilation(world.view, compiler);
  const takeChange = services.follow();
  const policies = createPolicyPipeline({
    view: world.view,
    ...(policyCompiler === undefined ? {} : { compiler: policyCompiler }),
  });
  let sourceProblems: readonly Problem[] = [];
  let clusterProblems: readonly Problem[] = [];
  let triggeredAtMs: number[] = [];
  const counts = { services: 0, endpoints: 0 };

  return {
    accept(batch) {
      sourceProblems = batch.problems;
      const completed = controlPlane.apply(batch.changes);
      clusterProblems = completed.problems;
      const news = world.apply(completed.changes);
      services.touch(news);
      policies.touch(news);
      for (const change of completed.changes) {
        const kind = change.type === 'set' ? change.object.kind : change.kind;
        if (kind === 'Service') counts.services += 1;
        if (kind === 'EndpointSlice') counts.endpoints += 1;
        triggeredAtMs.push(...triggerTime(change));
      }
    },
    compile() {
      const change = takeChange();
      const times = triggeredAtMs;
      triggeredAtMs = [];
      return { change, healthChecks: services.healthChecks(), triggeredAtMs: times };
    },
    rows: () => compiler.rows(),
    serviceAt: (address) => compiler.addressRow(address)?.owner,
    followRows: services.follow,
    ...policies,
    problems: () =>
      [...sourceProblems, ...clusterProblems, ...services.problems(), ...policies.policyProblems()].sort(
        compareProblems,
      ),
    socketExemptions: (node) => socketExemptions(world.view, node),
    changeCounts: () => ({ ...counts }),
    nodeDeleting(node) {
      const { deleting, leaving } = world.view.nodes.get(node) ?? {};
      return deleting === true || leaving === true;
    },
  };
}

/** What was touched, until it is compiled; whoever follows gets every change once, whoever had it compiled. */
function createServiceCompilation(view: ClusterView, compiler: PipelineParts['compiler']) {
  let touched: Touched | 'everything' = 'everything';
  let problems: readonly Problem[] = [];
  let healthChecks: readonly HealthCheck[] = [];
  const followers: { waiting: RowsChange }[] = [];
  const compile = (): void => {
    const work = touched;
    touched = 'everything';
    const update = compiler.update(view, work);
    touched = nothingTouched();
    problems = update.problems;
    healthChecks = update.healthChecks;
    for (const each of followers) each.waiting = mergeChanges(each.waiting, update.change);
  };
  return {
    touch(news: Touched): void {
      touched = mergeTouched(touched, news);
    },
    follow(): () => RowsChange {
      const follower = { waiting: NO_CHANGE };
      followers.push(follower);
      return () => {
        compile();
        const change = follower.waiting;
        follower.waiting = NO_CHANGE;
        return change;
      };
    },
    problems: () => problems,
    healthChecks: () => healthChecks,
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
