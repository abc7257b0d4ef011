/** Things filed under texts; a text without things takes no room. */
export interface Postings<Thing> {
  add(text: string, thing: Thing): void;
  remove(text: string, thing: Thing): void;
  of(text: string): ReadonlySet<Thing>;
}

const NOTHING: ReadonlySet<never> = new Set();

export function createPostings<Thing>(): Postings<Thing> {
  const filed = new Map<string, Set<Thing>>();
  return {
    add(text, thing) {
      const things = filed.get(text);
      if (things === undefined) filed.set(text, new Set([thing]));
      else things.add(thing);
    },
    remove(text, thing) {
      const things = filed.get(text);
      things?.delete(thing);
      if (things?.size === 0) filed.delete(text);
    },
    of: (text) => filed.get(text) ?? NOTHING,
  };
}
