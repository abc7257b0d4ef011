/**
 * Numbers of classes and rules in this kernel. A number means one content for as long as anything may refer to it: a
 * restarted agent adopts those it finds in the table of names, and a new one is above every number that was ever given.
 */
import { hash } from 'node:crypto';
import { NAME_KIND_WORDS, type NameKey, type NameKind } from '../generated/policy.ts';

/** A row of the table of names: the number and the digest of its content. */
export type NameEntry = readonly [NameKey, Uint8Array];

export interface Numbers {
  /** The content's number; a new one is to be written before anything refers to it (`takeNew`). */
  numberOf(kind: NameKind, content: string): number;
  /** What a number stands for; undefined for one whose content this process has not named. */
  contentOf(kind: NameKind, number: number): string | undefined;
  /** One more, or one fewer, refers to the content. */
  hold(kind: NameKind, content: string): void;
  drop(kind: NameKind, content: string): void;
  /** Rows that are not written yet. */
  takeNew(): readonly NameEntry[];
  /** Rows of contents that nobody holds. The highest of each kind stays: the next number is counted from it. */
  takeUnused(): readonly NameKey[];
}

interface Name {
  readonly number: number;
  readonly digest: string;
  content: string | undefined;
  holders: number;
}

const DIGEST_BYTES = 16;

/** `installed`: the table as it is. */
export function createNumbers(installed: readonly NameEntry[]): Numbers {
  const kinds = new Map(NAME_KIND_WORDS.map((kind) => [kind, createKind(kind, installed)] as const));
  const of = (kind: NameKind) => kinds.get(kind) ?? createKind(kind, []);
  return {
    numberOf: (kind, content) => of(kind).named(content).number,
    contentOf: (kind, number) => of(kind).contentOf(number),
    hold: (kind, content) => of(kind).hold(content, 1),
    drop: (kind, content) => of(kind).hold(content, -1),
    takeNew: () => [...kinds.values()].flatMap((entry) => entry.takeNew()),
    takeUnused: () => [...kinds.values()].flatMap((entry) => entry.takeUnused()),
  };
}

function createKind(kind: NameKind, installed: readonly NameEntry[]) {
  const byDigest = new Map<string, Name>();
  const byContent = new Map<string, Name>();
  const byNumber = new Map<number, string>();
  const unheld = new Set<Name>();
  const fresh: NameEntry[] = [];
  let last = 0;
  const add = (name: Name): Name => {
    byDigest.set(name.digest, name);
    unheld.add(name);
    last = Math.max(last, name.number);
    return name;
  };
  for (const [key, digest] of installed)
    if (key.kind === kind)
      add({ number: key.number, digest: textOf(digest), content: undefined, holders: 0 });
  const named = (content: string): Name => {
    const known = byContent.get(content);
    if (known !== undefined) return known;
    const bytes = hash('sha256', content, 'buffer').subarray(0, DIGEST_BYTES);
    const digest = textOf(bytes);
    const adopted = byDigest.get(digest);
    const name = adopted ?? add({ number: last + 1, digest, content, holders: 0 });
    name.content = content;
    byContent.set(content, name);
    byNumber.set(name.number, content);
    if (adopted === undefined) fresh.push([{ kind, number: name.number }, bytes]);
    return name;
  };
  return {
    named,
    hold(content: string, more: 1 | -1): void {
      const name = named(content);
      name.holders += more;
      if (name.holders > 0) unheld.delete(name);
      else unheld.add(name);
    },
    contentOf: (number: number) => byNumber.get(number),
    takeNew: () => fresh.splice(0),
    takeUnused() {
      const unused = [...unheld].filter(({ number }) => number !== last);
      for (const name of unused) {
        unheld.delete(name);
        byDigest.delete(name.digest);
        byNumber.delete(name.number);
        if (name.content !== undefined) byContent.delete(name.content);
      }
      return unused.map(({ number }) => ({ kind, number }));
    },
  };
}

function textOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1');
}
