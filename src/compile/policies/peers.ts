/** All that policies can name as the other end: pods, nodes and blocks, as terms and the classes they make. */
import type { Address } from '../../model/address.ts';
import type { NodeName, ObjectName } from '../../model/names.ts';
import type { Labels, NodeObject, PodObject } from '../../model/objects.ts';
import type { PeerClass } from './peer-class-table.ts';
import { createPeerClasses, type PeerChange } from './peer-classes.ts';
import { createPeerNodes } from './peer-nodes.ts';
import { createPeerPods, type PeerPods } from './peer-pods.ts';
import { createPortTerms } from './port-terms.ts';
import { createSelectionMatcher, type Watched } from './selection-matcher.ts';
import { createTermTable, type Term, type TermContent, type TermSet, termSet, union } from './terms.ts';

export interface Peers {
  readonly pods: Pick<PeerPods, 'anyHas' | 'portNamesVersion'>;
  setNamespace(name: string, labels: Labels | null): void;
  setNode(name: NodeName, node: NodeObject | null): void;
  /** null: gone, or none that policies can be about. */
  setPod(name: ObjectName, pod: PodObject | null): void;
  acquire(content: TermContent): Term;
  release(term: Term): void;
  /** A rule tells peers apart by this port name from now on; as often as it is dropped again. */
  usePortName(name: string): void;
  dropPortName(name: string): void;
  classesWith(term: Term): ReadonlySet<PeerClass>;
  /** Port terms of this name that some pod has. */
  portTerms(name: string): Iterable<Term>;
  settle(): PeerChange;
}

export function createPeers(): Peers {
  const pods = createPeerPods();
  const selections = createSelectionTerms();
  const classes = createPeerClasses((address) => termsAt(address));
  const nodes = createPeerNodes(classes.touchHost);
  const terms = createTermTable(begin, end);
  const ports = createPortTerms(pods, terms, touchPod);
  const podTerms = createPodTerms(selections, ports);

  function termsAt(address: Address): TermSet {
    const owner = pods.ownerOf(address);
    const ofNode = termSet(nodes.termsAt(address));
    return owner === undefined ? ofNode : union(podTerms.of(owner), ofNode);
  }

  function touchPod(name: ObjectName): void {
    for (const address of pods.get(name)?.addresses ?? []) classes.touchHost(address);
  }

  function begin(term: Term): void {
    const { content } = term;
    if (content.type === 'block') classes.addBlock(term, content.block);
    if (content.type === 'pods') selections.begin(term, content.selection);
    if (content.type === 'nodes') nodes.begin(term, content.nodes);
  }

  function end(term: Term): void {
    const { content } = term;
    if (content.type === 'block') classes.removeBlock(term, content.block);
    if (content.type === 'pods') selections.end(term);
    if (content.type === 'nodes') nodes.end(term);
  }

  return {
    pods,
    setNamespace: selections.matcher.setNamespace,
    setNode: nodes.set,
    setPod(name, pod) {
      touchPod(name);
      pods.set(name, pod);
      touchPod(name);
      selections.matcher.setPod(name, pod);
    },
    acquire: terms.acquire,
    release: terms.release,
    usePortName: ports.use,
    dropPortName: ports.drop,
    classesWith: classes.classesWith,
    portTerms: ports.known,
    settle() {
      for (const name of selections.matcher.takeChanged()) touchPod(name);
      podTerms.forget();
      return classes.settle();
    },
  };
}

/** Terms of the type `pods`, each with its selection under watch. */
function createSelectionTerms() {
  const matcher = createSelectionMatcher();
  const watches = new Map<Term, Watched>();
  const terms = new Map<Watched, Term>();
  return {
    matcher,
    begin(term: Term, selection: Watched['selection']): void {
      const watched = matcher.watch(selection);
      watches.set(term, watched);
      terms.set(watched, term);
    },
    end(term: Term): void {
      const watched = watches.get(term);
      if (watched === undefined) return;
      matcher.unwatch(watched);
      watches.delete(term);
      terms.delete(watched);
    },
    termsOf: (pod: ObjectName): readonly Term[] =>
      [...matcher.matchesOf(pod)].flatMap((watched) => terms.get(watched) ?? []),
  };
}

/** The terms of a pod's addresses but for blocks: made once until they are forgotten, since most pods have two. */
function createPodTerms(
  selections: { termsOf(pod: ObjectName): readonly Term[] },
  ports: { termsOf(pod: ObjectName): readonly Term[] },
) {
  const made = new Map<ObjectName, TermSet>();
  return {
    of(pod: ObjectName): TermSet {
      const terms = made.get(pod) ?? termSet([...selections.termsOf(pod), ...ports.termsOf(pod)]);
      made.set(pod, terms);
      return terms;
    },
    forget: () => made.clear(),
  };
}
