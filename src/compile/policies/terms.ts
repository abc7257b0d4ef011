/** Terms: the smallest things by which policies tell peers apart. A peer class is the set of terms that match. */
import type { Port, Protocol } from '../../model/names.ts';
import type { IpBlock, LabelSelector, PodSelection } from '../../model/policy.ts';

export type TermContent =
  | { readonly type: 'pods'; readonly selection: PodSelection }
  | { readonly type: 'nodes'; readonly nodes: LabelSelector }
  | { readonly type: 'block'; readonly block: IpBlock }
  /** Pods that call this port so; only for names that some egress rule uses. */
  | { readonly type: 'port'; readonly name: string; readonly protocol: Protocol; readonly port: Port };

export interface Term {
  /** Text of its content: equal terms have equal keys. */
  readonly key: string;
  /** Of this process only: orders terms and makes sets of them comparable. */
  readonly id: number;
  readonly content: TermContent;
}

/** Terms in use, each once, however many rules use it. */
export interface TermTable {
  /** Counts one more user. */
  acquire(content: TermContent): Term;
  /** Counts one user less. */
  release(term: Term): void;
}

/** `onFirst` and `onLast` hear of a term's first user and of its last one leaving. */
export function createTermTable(onFirst: (term: Term) => void, onLast: (term: Term) => void): TermTable {
  const table = new Map<string, { readonly term: Term; users: number }>();
  let lastId = 0;
  return {
    acquire(content) {
      const key = keyOf(content);
      const known = table.get(key);
      if (known !== undefined) {
        known.users += 1;
        return known.term;
      }
      lastId += 1;
      const term: Term = { key, id: lastId, content };
      table.set(key, { term, users: 1 });
      onFirst(term);
      return term;
    },
    release(term) {
      const known = table.get(term.key);
      if (known === undefined) return;
      known.users -= 1;
      if (known.users > 0) return;
      table.delete(term.key);
      onLast(term);
    },
  };
}

/** Sorted by id, without duplicates. */
export type TermSet = readonly Term[];

export function termSet(terms: Iterable<Term>): TermSet {
  return [...new Set(terms)].sort((a, b) => a.id - b.id);
}

export function union(a: TermSet, b: TermSet): TermSet {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const merged: Term[] = [];
  let [left, right] = [0, 0];
  while (left < a.length || right < b.length) {
    const [one, other] = [a[left], b[right]];
    const next = other === undefined || (one !== undefined && one.id <= other.id) ? one : other;
    if (next === one) left += 1;
    if (next === other) right += 1;
    merged.push(next as Term);
  }
  return merged;
}

export function sameTerms(a: TermSet, b: TermSet): boolean {
  return a === b || (a.length === b.length && a.every((term, index) => term === b[index]));
}

function keyOf(content: TermContent): string {
  switch (content.type) {
    case 'pods':
      return JSON.stringify(['pods', content.selection.namespaces, content.selection.pods]);
    case 'nodes':
      return JSON.stringify(['nodes', content.nodes]);
    case 'block':
      return JSON.stringify(['block', content.block.cidr, [...new Set(content.block.except)].sort()]);
    case 'port':
      return JSON.stringify(['port', content.name, content.protocol, content.port]);
  }
}
