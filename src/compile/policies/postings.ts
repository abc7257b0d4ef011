/** Things filed under texts; a text without things takes no room. */
export interface Postings<Thing> {
  add(text: string, thing: Thing): void;
  remove(text: string, thing: Thing): void;
  of(text: string): ReadonlySet<Thing>;
  /** Grows whenever a text has its first thing or loses its last. */
  version(): number;
}

const NOTHING: ReadonlySet<never> = new Set();

export function createPostings<Thing>(): Postings<Thing> {
  const filed = new Map<string, Set<Thing>>();
  let version = 0;
  return {
    add(text, thing) {
      const things = filed.get(text);
      if (things !== undefined) {
        things.add(thing);
        return;
      }
      filed.set(text, new Set([thing]));
      version += 1;
    },
    remove(text, thing) {
      const things = filed.get(text);
      things?.delete(thing);
      if (things?.size !== 0) return;
      filed.delete(text);
      version += 1;
    },
    of: (text) => filed.get(text) ?? NOTHING,
    version: () => version,
  };
}
