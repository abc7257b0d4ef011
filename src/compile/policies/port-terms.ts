/** Terms for the port names that egress rules use: every pod that has such a port is in the term of its number. */
import type { ObjectName } from '../../model/names.ts';
import { namedPorts, type PeerPods } from './peer-pods.ts';
import type { Term, TermContent, TermTable } from './terms.ts';

export interface PortTerms {
  /** Counts one more rule that uses the name. */
  use(name: string): void;
  /** Counts one rule less. */
  drop(name: string): void;
  termsOf(pod: ObjectName): readonly Term[];
  /** Terms of this name that some pod has, or had since the name came into use. */
  known(name: string): Iterable<Term>;
}

/** @param touchPod hears of each pod of which other port terms hold now */
export function createPortTerms(
  pods: Pick<PeerPods, 'get' | 'withPortName'>,
  table: TermTable,
  touchPod: (name: ObjectName) => void,
): PortTerms {
  const users = new Map<string, number>();
  const terms = new Map<string, Map<string, Term>>();

  function termFor(content: Extract<TermContent, { type: 'port' }>): Term {
    const ofName = terms.get(content.name) ?? new Map<string, Term>();
    terms.set(content.name, ofName);
    const key = `${content.protocol}/${content.port}`;
    const term = ofName.get(key) ?? table.acquire(content);
    ofName.set(key, term);
    return term;
  }

  return {
    use(name) {
      const before = users.get(name) ?? 0;
      users.set(name, before + 1);
      if (before === 0) for (const pod of pods.withPortName(name)) touchPod(pod);
    },
    drop(name) {
      const after = (users.get(name) ?? 0) - 1;
      if (after > 0) {
        users.set(name, after);
        return;
      }
      users.delete(name);
      for (const term of terms.get(name)?.values() ?? []) table.release(term);
      terms.delete(name);
      for (const pod of pods.withPortName(name)) touchPod(pod);
    },
    termsOf(owner) {
      const pod = pods.get(owner);
      if (users.size === 0 || pod === undefined) return [];
      return namedPorts(pod)
        .filter(({ name }) => users.has(name))
        .map(({ name, protocol, port }) => termFor({ type: 'port', name, protocol, port }));
    },
    known: (name) => terms.get(name)?.values() ?? [],
  };
}
