/**
 * Which selections match which pods, kept while pods, namespaces and selections come, change and go. Labels of pods and
 * one requirement of each selection are filed, so that a change looks only at what could match.
 */
import type { ObjectName } from '../../model/names.ts';
import type { Labels } from '../../model/objects.ts';
import {
  type LabelSelector,
  NAMESPACE_NAME_LABEL,
  type PodSelection,
  selectorMatches,
} from '../../model/policy.ts';
import { createPostings, type Postings } from './postings.ts';

/** What is matched of a pod. */
export interface LabelledPod {
  readonly namespace: string;
  readonly labels: Labels;
}

/** A selection under watch, with the pods that it matches now. */
export interface Watched {
  readonly selection: PodSelection;
  readonly pods: ReadonlySet<ObjectName>;
}

export interface SelectionMatcher {
  /** null: no such object; its pods are in a namespace with no labels but its name. */
  setNamespace(name: string, labels: Labels | null): void;
  /** null: the pod is gone. */
  setPod(name: ObjectName, pod: LabelledPod | null): void;
  watch(selection: PodSelection): Watched;
  unwatch(watched: Watched): void;
  matchesOf(pod: ObjectName): ReadonlySet<Watched>;
  /** Pods whose matches changed since the last call, those gone included. */
  takeChanged(): ReadonlySet<ObjectName>;
}

interface Pod extends LabelledPod {
  readonly name: ObjectName;
  readonly matches: Set<Entry>;
}

interface Entry extends Watched {
  readonly scope: Scope;
  readonly pods: Set<ObjectName>;
}

/** All selections that ask for the same namespaces. */
interface Scope {
  readonly key: string;
  readonly wanted: PodSelection['namespaces'];
  readonly namespaces: Set<Namespace>;
  readonly entries: Set<Entry>;
  /** Entries by the text that a matching pod must have filed. */
  readonly anchored: Postings<Entry>;
}

interface Namespace {
  readonly name: string;
  labels: Labels;
  readonly pods: Set<Pod>;
  readonly podsByLabel: Postings<Pod>;
  readonly scopes: Set<Scope>;
}

/** Filed for selections that any pod could match. */
const ANY = '';
const NO_MATCHES: ReadonlySet<Watched> = new Set();

/** What a matcher knows. */
interface Known {
  readonly pods: Map<ObjectName, Pod>;
  readonly namespaces: Map<string, Namespace>;
  readonly scopes: Map<string, Scope>;
  changed: Set<ObjectName>;
}

export function createSelectionMatcher(): SelectionMatcher {
  const known: Known = {
    pods: new Map(),
    namespaces: new Map(),
    scopes: new Map(),
    changed: new Set(),
  };
  return {
    setNamespace: (name, labels) => setNamespace(known, name, labels),
    setPod(name, pod) {
      if (pod === null) removePod(known, name);
      else setPod(known, name, pod);
    },
    watch: (selection) => watch(known, selection),
    unwatch: (watched) => unwatch(known, watched as Entry),
    matchesOf: (pod) => known.pods.get(pod)?.matches ?? NO_MATCHES,
    takeChanged() {
      const { changed } = known;
      known.changed = new Set();
      return changed;
    },
  };
}

function setNamespace(known: Known, name: string, labels: Labels | null): void {
  const namespace = namespaceOf(known, name);
  if (labels === null && namespace.pods.size === 0) {
    for (const scope of namespace.scopes) scope.namespaces.delete(namespace);
    known.namespaces.delete(name);
    return;
  }
  // The name is the API server's, whatever a manifest says (I14).
  namespace.labels = { ...labels, [NAMESPACE_NAME_LABEL]: name };
  for (const scope of known.scopes.values()) {
    const [before, after] = [namespace.scopes.has(scope), scopeHolds(scope, namespace)];
    if (before && !after) leave(known, scope, namespace);
    if (!before && after) {
      join(scope, namespace);
      for (const entry of scope.entries) linkAll(known, entry, namespace);
    }
  }
}

function leave(known: Known, scope: Scope, namespace: Namespace): void {
  scope.namespaces.delete(namespace);
  namespace.scopes.delete(scope);
  for (const pod of namespace.pods)
    for (const entry of [...pod.matches]) if (entry.scope === scope) unlink(known, entry, pod);
}

function setPod(known: Known, name: ObjectName, given: LabelledPod): void {
  const before = known.pods.get(name);
  if (before !== undefined) unfile(known, before);
  const pod: Pod = { ...given, name, matches: before?.matches ?? new Set() };
  known.pods.set(name, pod);
  const namespace = namespaceOf(known, given.namespace);
  namespace.pods.add(pod);
  for (const text of labelTexts(given.labels)) namespace.podsByLabel.add(text, pod);
  const found = matching(namespace, pod.labels);
  for (const entry of [...pod.matches]) if (!found.has(entry)) unlink(known, entry, pod);
  for (const entry of found) if (!pod.matches.has(entry)) link(known, entry, pod);
}

function removePod(known: Known, name: ObjectName): void {
  const pod = known.pods.get(name);
  if (pod === undefined) return;
  unfile(known, pod);
  for (const entry of [...pod.matches]) unlink(known, entry, pod);
  known.pods.delete(name);
  known.changed.add(name);
}

function unfile(known: Known, pod: Pod): void {
  const namespace = namespaceOf(known, pod.namespace);
  namespace.pods.delete(pod);
  for (const text of labelTexts(pod.labels)) namespace.podsByLabel.remove(text, pod);
}

function watch(known: Known, selection: PodSelection): Watched {
  const scope = scopeOf(known, selection.namespaces);
  const entry: Entry = { selection, scope, pods: new Set() };
  scope.entries.add(entry);
  for (const anchor of anchorsOf(selection.pods)) scope.anchored.add(anchor, entry);
  for (const namespace of scope.namespaces) linkAll(known, entry, namespace);
  return entry;
}

function unwatch(known: Known, entry: Entry): void {
  const { scope } = entry;
  for (const name of [...entry.pods]) unlink(known, entry, known.pods.get(name) as Pod);
  for (const anchor of anchorsOf(entry.selection.pods)) scope.anchored.remove(anchor, entry);
  scope.entries.delete(entry);
  if (scope.entries.size > 0) return;
  known.scopes.delete(scope.key);
  for (const namespace of scope.namespaces) namespace.scopes.delete(scope);
}

function namespaceOf({ namespaces, scopes }: Known, name: string): Namespace {
  const existing = namespaces.get(name);
  if (existing !== undefined) return existing;
  const made: Namespace = {
    name,
    labels: { [NAMESPACE_NAME_LABEL]: name },
    pods: new Set(),
    podsByLabel: createPostings(),
    scopes: new Set(),
  };
  namespaces.set(name, made);
  for (const scope of scopes.values()) if (scopeHolds(scope, made)) join(scope, made);
  return made;
}

function scopeOf({ namespaces, scopes }: Known, wanted: PodSelection['namespaces']): Scope {
  const key = JSON.stringify(wanted);
  const existing = scopes.get(key);
  if (existing !== undefined) return existing;
  const made: Scope = {
    key,
    wanted,
    namespaces: new Set(),
    entries: new Set(),
    anchored: createPostings(),
  };
  scopes.set(key, made);
  for (const namespace of namespaces.values()) if (scopeHolds(made, namespace)) join(made, namespace);
  return made;
}

function link(known: Known, entry: Entry, pod: Pod): void {
  entry.pods.add(pod.name);
  pod.matches.add(entry);
  known.changed.add(pod.name);
}

function unlink(known: Known, entry: Entry, pod: Pod): void {
  entry.pods.delete(pod.name);
  pod.matches.delete(entry);
  known.changed.add(pod.name);
}

function linkAll(known: Known, entry: Entry, namespace: Namespace): void {
  const selector = entry.selection.pods;
  for (const anchor of anchorsOf(selector))
    for (const pod of anchor === ANY ? namespace.pods : namespace.podsByLabel.of(anchor))
      if (selectorMatches(selector, pod.labels)) link(known, entry, pod);
}

function matching({ scopes }: Namespace, labels: Labels): ReadonlySet<Entry> {
  const found = new Set<Entry>();
  const texts = [ANY, ...labelTexts(labels)];
  for (const scope of scopes)
    for (const text of texts)
      for (const entry of scope.anchored.of(text))
        if (selectorMatches(entry.selection.pods, labels)) found.add(entry);
  return found;
}

function join(scope: Scope, namespace: Namespace): void {
  scope.namespaces.add(namespace);
  namespace.scopes.add(scope);
}

function scopeHolds(scope: Scope, { name, labels }: Namespace): boolean {
  return typeof scope.wanted === 'string' ? scope.wanted === name : selectorMatches(scope.wanted, labels);
}

function labelTexts(labels: Labels): readonly string[] {
  return Object.entries(labels).flatMap(([key, value]) => [key, `${key}=${value}`]);
}

/** Texts of which a matching pod has exactly one filed, as few pods as possible under each. */
function anchorsOf(selector: LabelSelector): readonly string[] {
  const members = selector.filter(({ operator }) => operator === 'In');
  const [narrowest] = members.sort((a, b) => a.values.length - b.values.length);
  if (narrowest !== undefined) return narrowest.values.map((value) => `${narrowest.key}=${value}`);
  const existing = selector.find(({ operator }) => operator === 'Exists');
  return [existing?.key ?? ANY];
}
