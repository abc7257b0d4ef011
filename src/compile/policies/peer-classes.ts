/**
 * Addresses → classes: every prefix that policies name and every host that a term matches has the class of all terms
 * that match it. A host is in each block that contains it; prefixes that the one around them describes have no row.
 */
import { type Address, hostPrefix, type Prefix } from '../../model/address.ts';
import type { IpBlock } from '../../model/policy.ts';
import type { PeerRow } from '../../model/policy-rows.ts';
import { type ClassChange, type ClassTable, createClassTable, type PeerClass } from './peer-class-table.ts';
import { createPrefixTree, type PrefixTree } from './prefix-tree.ts';
import { sameTerms, type Term, type TermSet, termSet, union } from './terms.ts';

export interface PeerChange extends ClassChange {
  readonly rows: ReadonlyMap<Prefix, PeerRow | null>;
}

export interface PeerClasses {
  addBlock(term: Term, block: IpBlock): void;
  removeBlock(term: Term, block: IpBlock): void;
  /** Says that other terms match the host now. */
  touchHost(address: Address): void;
  /** Classes that the term is in, as of the last settle. */
  classesWith(term: Term): ReadonlySet<PeerClass>;
  /** Looks at what changed since the last call. */
  settle(): PeerChange;
}

interface Entry {
  readonly prefix: Prefix;
  /** Blocks that begin here, and those that except this. */
  readonly begins: Set<Term>;
  readonly ends: Set<Term>;
  /** Terms other than blocks; empty unless a host. */
  host: TermSet;
  /** undefined: not known any more. */
  nesting: Nesting | undefined;
}

const NO_TERMS: TermSet = [];

interface Nesting {
  /** Blocks that hold around the prefix, and those that hold from it on. */
  readonly around: TermSet;
  readonly inside: TermSet;
}

interface State {
  readonly hostTerms: (address: Address) => TermSet;
  readonly tree: PrefixTree<Entry>;
  readonly table: ClassTable;
  /** Class of each row; null: a row without class. */
  readonly rows: Map<Prefix, PeerClass | null>;
  readonly touchedHosts: Set<Address>;
  readonly touched: Set<Prefix>;
}

/** @param hostTerms the terms other than blocks that match an address now */
export function createPeerClasses(hostTerms: (address: Address) => TermSet): PeerClasses {
  const state: State = {
    hostTerms,
    tree: createPrefixTree(),
    table: createClassTable(),
    rows: new Map(),
    touchedHosts: new Set(),
    touched: new Set(),
  };
  return {
    addBlock(term, { cidr, except }) {
      changeBlocks(state, cidr, ({ begins }) => begins.add(term));
      for (const prefix of except) changeBlocks(state, prefix, ({ ends }) => ends.add(term));
    },
    removeBlock(term, { cidr, except }) {
      changeBlocks(state, cidr, ({ begins }) => begins.delete(term));
      for (const prefix of except) changeBlocks(state, prefix, ({ ends }) => ends.delete(term));
    },
    touchHost: (address) => void state.touchedHosts.add(address),
    classesWith: (term) => state.table.classesWith(term),
    settle() {
      for (const address of state.touchedHosts) settleHost(state, address);
      state.touchedHosts.clear();
      const rows = new Map<Prefix, PeerRow | null>();
      for (const prefix of state.touched) settleRow(state, prefix, rows);
      state.touched.clear();
      return { rows, ...state.table.settle() };
    },
  };
}

function entryAt({ tree }: State, prefix: Prefix): Entry {
  const known = tree.get(prefix);
  if (known !== undefined) return known;
  const entry: Entry = { prefix, begins: new Set(), ends: new Set(), host: NO_TERMS, nesting: undefined };
  tree.set(prefix, entry);
  return entry;
}

function dropIfEmpty({ tree }: State, { prefix, begins, ends, host }: Entry): void {
  if (begins.size === 0 && ends.size === 0 && host.length === 0) tree.delete(prefix);
}

/** Changes what begins or ends at a prefix; everything inside is looked at again. */
function changeBlocks(state: State, prefix: Prefix, change: (entry: Entry) => void): void {
  const entry = entryAt(state, prefix);
  change(entry);
  for (const stale of [entry, ...state.tree.inside(prefix)]) {
    stale.nesting = undefined;
    state.touched.add(stale.prefix);
  }
  dropIfEmpty(state, entry);
}

function settleHost(state: State, address: Address): void {
  const prefix = hostPrefix(address);
  const host = state.hostTerms(address);
  if (host.length === 0 && state.tree.get(prefix) === undefined) return;
  const entry = entryAt(state, prefix);
  if (sameTerms(entry.host, host)) return;
  entry.host = host;
  state.touched.add(prefix);
  dropIfEmpty(state, entry);
}

function nestingOf(state: State, entry: Entry): Nesting {
  if (entry.nesting !== undefined) return entry.nesting;
  const outer = state.tree.around(entry.prefix);
  const around = outer === undefined ? NO_TERMS : nestingOf(state, outer).inside;
  const { begins, ends } = entry;
  const kept = ends.size === 0 ? around : around.filter((term) => !ends.has(term));
  entry.nesting = { around, inside: union(kept, termSet(begins)) };
  return entry.nesting;
}

/** The terms of the row that the prefix should have: undefined where the prefix around it says the same. */
function wantedTerms(state: State, prefix: Prefix): TermSet | undefined {
  const entry = state.tree.get(prefix);
  if (entry === undefined) return undefined;
  const { around, inside } = nestingOf(state, entry);
  const terms = union(inside, entry.host);
  return sameTerms(terms, around) ? undefined : terms;
}

function settleRow(state: State, prefix: Prefix, changed: Map<Prefix, PeerRow | null>): void {
  const { rows, table } = state;
  const before = rows.get(prefix);
  const terms = wantedTerms(state, prefix);
  if (before === undefined ? terms === undefined : terms && sameTerms(before?.terms ?? NO_TERMS, terms))
    return;
  const peerClass = terms === undefined || terms.length === 0 ? null : table.use(terms);
  if (before) table.drop(before);
  if (terms === undefined) rows.delete(prefix);
  else rows.set(prefix, peerClass);
  changed.set(prefix, terms === undefined ? null : { prefix, peerClass: peerClass?.name ?? null });
}
