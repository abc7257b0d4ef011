/** Classes of peers by their terms, counted by the rows that have them. */
import { compareText } from '../../model/names.ts';
import type { PeerClassName } from '../../model/policy-rows.ts';
import { contentKey } from './content-key.ts';
import { createPostings } from './postings.ts';
import type { Term, TermSet } from './terms.ts';

/** All addresses that exactly these terms match. */
export interface PeerClass {
  readonly name: PeerClassName;
  readonly terms: TermSet;
}

/** Classes that have their first row, and those that lost their last. */
export interface ClassChange {
  readonly born: readonly PeerClass[];
  readonly dead: readonly PeerClass[];
}

export interface ClassTable {
  /** Counts one more row with these terms. */
  use(terms: TermSet): PeerClass;
  /** Counts one row less. */
  drop(peerClass: PeerClass): void;
  /** Classes that the term is in, as of the last settle. */
  classesWith(term: Term): ReadonlySet<PeerClass>;
  settle(): ClassChange;
}

interface CountedClass extends PeerClass {
  rows: number;
}

export function createClassTable(): ClassTable {
  const classes = new Map<string, CountedClass>();
  const known = new Set<CountedClass>();
  const touched = new Set<CountedClass>();
  const byTerm = createPostings<PeerClass>();
  return {
    use(terms) {
      const key = keyOf(terms);
      const peerClass = classes.get(key) ?? { name: nameOf(terms), terms, rows: 0 };
      classes.set(key, peerClass);
      peerClass.rows += 1;
      touched.add(peerClass);
      return peerClass;
    },
    drop(peerClass) {
      const counted = peerClass as CountedClass;
      counted.rows -= 1;
      touched.add(counted);
    },
    classesWith: (term) => byTerm.of(term.key),
    settle() {
      const [born, dead]: [PeerClass[], PeerClass[]] = [[], []];
      for (const peerClass of touched) {
        if (peerClass.rows === 0) classes.delete(keyOf(peerClass.terms));
        if (peerClass.rows > 0 && !known.has(peerClass)) {
          known.add(peerClass);
          for (const { key } of peerClass.terms) byTerm.add(key, peerClass);
          born.push(peerClass);
        } else if (peerClass.rows === 0 && known.delete(peerClass)) {
          for (const { key } of peerClass.terms) byTerm.remove(key, peerClass);
          dead.push(peerClass);
        }
      }
      touched.clear();
      return { born, dead };
    },
  };
}

function keyOf(terms: TermSet): string {
  return terms.map(({ id }) => id).join(' ');
}

function nameOf(terms: TermSet): PeerClassName {
  return contentKey(terms.map(({ key }) => key).sort(compareText)) as PeerClassName;
}
