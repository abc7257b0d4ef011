/**
 * Who has which address or port. Objects claim values explicitly (a manifest says so) or are assigned free ones. An
 * explicit claim always wins over an assignment; among explicit claims of one value the eldest owner wins. Assigned
 * values stay with their owner for as long as they may, so that adding an object moves no other.
 */
import { compareText, type ObjectName } from '../model/names.ts';

/** The values an owner may be assigned, in order of preference. */
export interface Candidates {
  has(value: string): boolean;
  values(): Iterable<string>;
}

/** Who was assigned what, by `owner|slot`: given to a new book, it hands out the same again. */
export type Assignments = ReadonlyMap<string, string>;

export interface ClaimBook {
  /**
   * Replaces the owner's explicit claims.
   *
   * @param createdAtMs the owner's age; null is youngest, and the name decides between equals
   * @param contested false: values are only kept from being assigned, whoever else claims them
   */
  claim(owner: ObjectName, createdAtMs: number | null, values: readonly string[], contested: boolean): void;
  /** The owner whose explicit claim counts; undefined where no contested claim is. */
  winner(value: string): ObjectName | undefined;
  /** The value of the owner's slot: as before where possible, else the first free one; undefined: none is free. */
  assign(owner: ObjectName, slot: string, candidates: Candidates): string | undefined;
  /** Gives back the values of all slots of the owner but these. */
  retain(owner: ObjectName, slots: ReadonlySet<string>): void;
  /** Gives all of them back; an owner that found nothing free is looked at again when something becomes free. */
  abandon(owner: ObjectName): void;
  /** Owners for whom something changed since the last call: they have to be looked at again. */
  takeAffected(): ReadonlySet<ObjectName>;
  assignments(): Assignments;
}

interface Claim {
  readonly createdAtMs: number | null;
  readonly contested: boolean;
}

interface Book {
  readonly claims: Map<string, Map<ObjectName, Claim>>;
  readonly claimedBy: Map<ObjectName, readonly string[]>;
  readonly holders: Map<string, ObjectName>;
  readonly slots: Map<ObjectName, Map<string, string>>;
  /** Owners that found nothing free, with the slots that stayed empty: any value given back may be theirs. */
  readonly starved: Map<ObjectName, Set<string>>;
  /** Values assigned since the last takeAffected: nobody has gone without them yet. */
  readonly fresh: Set<string>;
  affected: Set<ObjectName>;
}

/** @param history assignments of an earlier book, kept where they are still possible */
export function createClaimBook(history: Assignments = new Map()): ClaimBook {
  const book: Book = {
    claims: new Map(),
    claimedBy: new Map(),
    holders: new Map(),
    slots: new Map(),
    starved: new Map(),
    fresh: new Set(),
    affected: new Set(),
  };
  return {
    claim: (owner, createdAtMs, values, contested) =>
      replaceClaims(book, owner, { createdAtMs, contested }, values),
    winner: (value) => winnerOf(book, value),
    assign: (owner, slot, candidates) => assignSlot(book, history, owner, slot, candidates),
    retain(owner, slots) {
      for (const slot of book.slots.get(owner)?.keys() ?? [])
        if (!slots.has(slot)) giveBack(book, owner, slot);
      for (const slot of book.starved.get(owner) ?? []) if (!slots.has(slot)) satisfy(book, owner, slot);
    },
    abandon(owner) {
      for (const slot of book.slots.get(owner)?.keys() ?? []) giveBack(book, owner, slot);
    },
    takeAffected() {
      const { affected } = book;
      book.affected = new Set();
      book.fresh.clear();
      return affected;
    },
    assignments: () =>
      new Map(
        [...book.slots].flatMap(([owner, slots]) =>
          [...slots].map(([slot, value]): [string, string] => [`${owner}|${slot}`, value]),
        ),
      ),
  };
}

function replaceClaims(book: Book, owner: ObjectName, claim: Claim, values: readonly string[]): void {
  for (const value of book.claimedBy.get(owner) ?? []) {
    const others = book.claims.get(value);
    others?.delete(owner);
    if (others?.size === 0) book.claims.delete(value);
    markAffected(book, [...(others?.keys() ?? []), ...book.starved.keys()]);
  }
  if (values.length === 0) book.claimedBy.delete(owner);
  else book.claimedBy.set(owner, values);
  for (const value of values) {
    const claims = book.claims.get(value) ?? new Map<ObjectName, Claim>();
    markAffected(book, claims.keys());
    book.claims.set(value, claims.set(owner, claim));
    evict(book, value);
  }
}

function markAffected(book: Book, owners: Iterable<ObjectName>): void {
  for (const owner of owners) book.affected.add(owner);
}

function evict(book: Book, value: string): void {
  const holder = book.holders.get(value);
  if (holder === undefined) return;
  book.holders.delete(value);
  const slots = book.slots.get(holder) ?? new Map<string, string>();
  for (const [slot, held] of slots) if (held === value) slots.delete(slot);
  book.affected.add(holder);
}

function winnerOf(book: Book, value: string): ObjectName | undefined {
  let best: { readonly owner: ObjectName; readonly age: number } | undefined;
  for (const [owner, claim] of book.claims.get(value) ?? []) {
    if (!claim.contested) continue;
    const age = claim.createdAtMs ?? Number.POSITIVE_INFINITY;
    if (best === undefined || age < best.age || (age === best.age && compareText(owner, best.owner) < 0)) {
      best = { owner, age };
    }
  }
  return best?.owner;
}

function assignSlot(
  book: Book,
  history: Assignments,
  owner: ObjectName,
  slot: string,
  candidates: Candidates,
): string | undefined {
  const held = book.slots.get(owner)?.get(slot);
  if (held !== undefined && candidates.has(held)) return held;
  const former = history.get(`${owner}|${slot}`);
  if (former !== undefined && candidates.has(former) && isFree(book, former)) {
    return take(book, owner, slot, former);
  }
  for (const value of candidates.values()) if (isFree(book, value)) return take(book, owner, slot, value);
  giveBack(book, owner, slot);
  book.starved.set(owner, (book.starved.get(owner) ?? new Set<string>()).add(slot));
  return undefined;
}

function isFree(book: Book, value: string): boolean {
  return !book.claims.has(value) && !book.holders.has(value);
}

function take(book: Book, owner: ObjectName, slot: string, value: string): string {
  giveBack(book, owner, slot);
  satisfy(book, owner, slot);
  book.fresh.add(value);
  const slots = book.slots.get(owner) ?? new Map<string, string>();
  book.slots.set(owner, slots.set(slot, value));
  book.holders.set(value, owner);
  return value;
}

function giveBack(book: Book, owner: ObjectName, slot: string): void {
  const slots = book.slots.get(owner);
  const value = slots?.get(slot);
  if (slots === undefined || value === undefined) return;
  slots.delete(slot);
  if (slots.size === 0) book.slots.delete(owner);
  book.holders.delete(value);
  // Who takes one of two values and gives it back for want of the other must not wake others that do the same.
  if (!book.fresh.delete(value)) markAffected(book, book.starved.keys());
}

function satisfy(book: Book, owner: ObjectName, slot: string): void {
  const slots = book.starved.get(owner);
  slots?.delete(slot);
  if (slots?.size === 0) book.starved.delete(owner);
}
