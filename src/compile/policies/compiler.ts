/**
 * Compiles the policies of one node: latest objects in, rows out. `update` looks only at what a batch touched; the parts
 * settle in the order in which they depend on each other: policies, subjects, peers, verdicts.
 */
import type { NodeName, ObjectName } from '../../model/names.ts';
import type { PodObject, Problem } from '../../model/objects.ts';
import type { PolicyRows, PolicyRowsChange } from '../../model/policy-rows.ts';
import type { ClusterView, Touched } from '../../model/view.ts';
import { createFailedPolicies, type FailedPolicies } from './failed-policies.ts';
import { isPolicyPod } from './peer-pods.ts';
import { createPeers } from './peers.ts';
import { createPolicyBook } from './policy-book.ts';
import { createPolicyClasses } from './policy-classes.ts';
import { createPolicyProblems } from './problems.ts';
import { createRowStore, type NewRows } from './row-store.ts';
import { createSelectionMatcher } from './selection-matcher.ts';
import { createSubjects } from './subjects.ts';

/** What of a view policies are made of. */
export type PolicyView = Pick<ClusterView, 'namespaces' | 'nodes' | 'pods' | 'policies'>;
export type PolicyTouched = Pick<Touched, 'namespaces' | 'nodes' | 'pods' | 'policies'>;

export interface PolicyUpdate {
  readonly change: PolicyRowsChange;
  /** All there are now. */
  readonly problems: readonly Problem[];
}

export interface PolicyCompiler {
  /**
   * Throws nothing for what an object says: a policy that fails is closed for the pods it selects until it changes, and
   * among the problems. After a throw, ask for `everything`.
   */
  update(view: PolicyView, touched: PolicyTouched | 'everything'): PolicyUpdate;
  rows(): PolicyRows;
}

/** A compiler for the pods of this node. */
export function createPolicyCompiler(node: NodeName): PolicyCompiler {
  const store = createRowStore();
  const failed = createFailedPolicies();
  let state = createState(node, failed);

  function anew(view: PolicyView): Applied {
    let applied: Applied | null = null;
    // It ends: each time another part of a policy has failed, or it throws.
    while (applied === null) {
      state = createState(node, failed);
      applied = state.apply(view, everythingIn(view));
    }
    return applied;
  }

  return {
    update(view, touched) {
      failed.begin(touched === 'everything' ? failed.keys() : touched.policies);
      const amended = touched === 'everything' ? null : state.apply(view, touched);
      const { rows, problems } = amended ?? anew(view);
      return { change: store.take(rows, amended === null), problems };
    },
    rows: store.rows,
  };
}

/** Everything from scratch. */
export function compilePolicies(
  view: PolicyView,
  node: NodeName,
): { readonly rows: PolicyRows; readonly problems: readonly Problem[] } {
  const compiler = createPolicyCompiler(node);
  const { problems } = compiler.update(view, 'everything');
  return { rows: compiler.rows(), problems };
}

function everythingIn({ namespaces, nodes, pods, policies }: PolicyView): PolicyTouched {
  return {
    namespaces: new Set(namespaces.keys()),
    nodes: new Set(nodes.keys()),
    pods: new Set(pods.keys()),
    policies: new Set(policies.keys()),
  };
}

interface Applied {
  readonly rows: NewRows;
  readonly problems: readonly Problem[];
}

function createState(node: NodeName, failed: FailedPolicies) {
  const peers = createPeers();
  const local = new Map<ObjectName, PodObject>();
  const selectable = createSelectionMatcher();
  const book = createPolicyBook(selectable, peers, failed);
  const classes = createPolicyClasses(peers, book.compiled, failed);
  const problems = createPolicyProblems(book, peers.pods);
  const subjects = createSubjects((name) => local.get(name), book, classes);

  /** True if the pod is or was local. */
  function takePod(name: ObjectName, given: PodObject | undefined): boolean {
    const pod = given !== undefined && isPolicyPod(given) ? given : null;
    peers.setPod(name, pod);
    const isLocal = pod !== null && pod.nodeName === node;
    if (!isLocal && !local.has(name)) return false;
    selectable.setPod(name, isLocal ? pod : null);
    if (isLocal) local.set(name, pod);
    else local.delete(name);
    return true;
  }

  return {
    /** null: a policy failed that had not before, and what is here is of no use any more. */
    apply(view: PolicyView, touched: PolicyTouched): Applied | null {
      for (const name of touched.namespaces) {
        const labels = view.namespaces.get(name)?.labels ?? null;
        peers.setNamespace(name, labels);
        selectable.setNamespace(name, labels);
      }
      for (const name of touched.nodes) peers.setNode(name, view.nodes.get(name) ?? null);
      const changedPods = new Set<ObjectName>();
      for (const name of touched.pods) if (takePod(name, view.pods.get(name))) changedPods.add(name);
      for (const key of touched.policies) book.set(key, view.policies.get(key) ?? null);
      const reselected = selectable.takeChanged();
      const { policies, pods } = book.settle(reselected.size > 0);
      if (failed.takeNew()) return null;
      for (const name of [...reselected, ...pods]) changedPods.add(name);
      const subjectRows = subjects.settle(changedPods);
      const peerChange = peers.settle();
      const verdicts = classes.settle(policies, peerChange);
      if (failed.takeNew()) return null;
      return {
        rows: { peers: peerChange.rows, subjects: subjectRows, classes: verdicts },
        problems: [...failed.problems(), ...problems.update(policies)],
      };
    },
  };
}
