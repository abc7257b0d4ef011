/** What numbers stand for, as the table says it: a restarted agent gives the same content the same number. */
import { hash } from 'node:crypto';
import { NAME_KIND_WORDS, type NameKind } from '../../../generated/policy.ts';
import { createNumbers, type NameEntry } from '../../policy-numbers.ts';
import { type Element, numberFromKey, numberKey } from '../element.ts';
import type { PolicySet } from './layout.ts';

export interface Name {
  readonly number: number;
  /** Goes with the last element that has the number. */
  readonly element: Element<PolicySet>;
}

export interface Names {
  nameOf(kind: NameKind, content: string): Name;
  /** Elements of the table that went and came: a number means its content for as long as the table names it. */
  follow(deleted: Iterable<Element<PolicySet>>, added: Iterable<Element<PolicySet>>): void;
}

/** `observed`: the elements of `name` as they were read back. */
export function createNames(observed: Iterable<Element<PolicySet>>): Names {
  const entries: NameEntry[] = [];
  for (const element of observed) {
    const { kind, number } = keyOf(element);
    if (kind !== undefined && element.comment !== undefined)
      entries.push([{ kind, number }, Buffer.from(element.comment, 'hex')]);
  }
  const numbers = createNumbers(entries);
  const known = new Map<NameKind, Map<string, Name>>(NAME_KIND_WORDS.map((kind) => [kind, new Map()]));
  return {
    nameOf(kind, content) {
      const found = known.get(kind)?.get(content);
      if (found !== undefined) return found;
      const number = numbers.numberOf(kind, content);
      const key = numberKey(NAME_KIND_WORDS.indexOf(kind)) + numberKey(number);
      const comment = hash('sha256', content, 'hex').slice(0, 32);
      const made: Name = { number, element: { set: 'name', key, comment } };
      known.get(kind)?.set(content, made);
      return made;
    },
    follow(deleted, added) {
      for (const element of added) if (element.set === 'name') tell(element, numbers.hold);
      let isFewer = false;
      for (const element of deleted)
        if (element.set === 'name') {
          tell(element, (kind, content) => {
            numbers.drop(kind, content);
            known.get(kind)?.delete(content);
          });
          isFewer = true;
        }
      if (isFewer) numbers.takeUnused();
      numbers.takeNew();
    },
  };

  function tell(element: Element<PolicySet>, what: (kind: NameKind, content: string) => void): void {
    const { kind, number } = keyOf(element);
    const content = kind && numbers.contentOf(kind, number);
    if (kind !== undefined && content !== undefined) what(kind, content);
  }
}

function keyOf({ key }: Element<PolicySet>) {
  return { kind: NAME_KIND_WORDS[numberFromKey(key, 0)], number: numberFromKey(key, 4) };
}
