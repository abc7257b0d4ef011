/** The half of the pipeline that compiles policies: what was touched, until it is in the rows. */
import type { Address, Prefix } from '../model/address.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import type { PolicyRows, PolicyRowsChange } from '../model/policy-rows.ts';
import type { ClusterView, Touched } from '../model/view.ts';
import { createLocalPods, type LocalPodChanges, type LocalPods } from './local-pods.ts';
import { createPodAddresses } from './pod-addresses.ts';
import { mergeTouched, nothingTouched } from './touched.ts';

/** The same objects, compiled into rows of policy. */
export interface PolicyPipeline {
  /** Takes what a batch touched. */
  touch(news: Touched): void;
  /** Compiles what was touched since the last call; throws what the compiler throws, and then starts from scratch. */
  compilePolicies(): PolicyRowsChange;
  policyRows(): PolicyRows;
  /** Each call of the result tells which of the node's pods changed since the one before, or at first, all. */
  followLocalPods(node: NodeName): () => LocalPodChanges;
  /** The node's own part of the pods' addresses. */
  podNetworks(node: NodeName): readonly Prefix[];
  /** What is known of the pod is in the policy rows. */
  isCompiled(pod: ObjectName): boolean;
  /** The pod that has the address, for people; undefined: none. */
  podAt(address: Address): ObjectName | undefined;
  policyProblems(): readonly Problem[];
}

export interface PolicyPipelineParts {
  /** Live. */
  readonly view: ClusterView;
  /** Absent: there are no rows. */
  readonly compiler?: {
    update(
      view: ClusterView,
      touched: Touched | 'everything',
    ): { readonly change: PolicyRowsChange; readonly problems: readonly Problem[] };
    rows(): PolicyRows;
  };
}

/** Where nothing enforces policies. */
export const NO_POLICY_ROWS: PolicyRows = {
  peers: new Map(),
  subjects: new Map(),
  classes: new Map(),
  rules: new Map(),
};

export function createPolicyPipeline({ view, compiler }: PolicyPipelineParts): PolicyPipeline {
  let touched: Touched | 'everything' = 'everything';
  let problems: readonly Problem[] = [];
  const podAddresses = createPodAddresses(view.pods);
  const localPods: LocalPods[] = [];
  return {
    touch(news) {
      touched = mergeTouched(touched, news);
      podAddresses.touch(news.pods);
      for (const pods of localPods) pods.touch(news.pods);
    },
    compilePolicies() {
      if (compiler === undefined) return NO_POLICY_ROWS;
      const work = touched;
      touched = 'everything';
      const update = compiler.update(view, work);
      touched = nothingTouched();
      problems = update.problems;
      return update.change;
    },
    policyRows: () => compiler?.rows() ?? NO_POLICY_ROWS,
    followLocalPods(node) {
      const pods = createLocalPods(view, node);
      localPods.push(pods);
      return pods.take;
    },
    podNetworks: (node) => view.nodes.get(node)?.podCidrs ?? [],
    isCompiled: (pod) => touched !== 'everything' && !touched.pods.has(pod),
    podAt: podAddresses.podAt,
    policyProblems: () => problems,
  };
}
