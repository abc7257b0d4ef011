/**
 * Who has which address or port. Objects claim values explicitly (a manifest says so) or are assigned free ones. Among
 * explicit claims of one value the eldest owner wins, and an explicit claim wins over an assignment; but what an owner
 * has had since an earlier batch (`keep`) nobody takes from it. Assigned values stay with their owner for as long as
 * they may, so that adding an object moves no other.
 */
import { compareText, type ObjectName } from '../model/names.ts';
import { entriesOf, type Snapshot, snapshotOf } from './snapshot.ts';

/** The values an owner may be assigned, in order of preference. */
export interface Candidates {
  has(value: string): boolean;
  values(): Iterable<string>;
}

/** A value that was assigned to one of its owner's slots. */
export interface Assignment {
  readonly slot: string;
  readonly value: string;
}

/** What a book remembers: given to a new one, the same owners have the same values again. */
export interface ClaimHistory {
  /** Who was assigned what. */
  readonly assigned: Snapshot<ObjectName, readonly Assignment[]>;
  /** Whose the values are that were kept. */
  readonly kept: Snapshot<string, ObjectName>;
}

export interface ClaimBook {
  /**
   * Replaces the owner's explicit claims.
   *
   * @param createdAtMs the owner's age; null is youngest, and the name decides between equals
   * @param contested false: values are only kept from being assigned, whoever else claims them
   */
  claim(owner: ObjectName, createdAtMs: number | null, values: readonly string[], contested: boolean): void;
  /** The owner whose claim counts; undefined where no contested claim is. */
  winner(value: string): ObjectName | undefined;
  /** Makes a value that the owner claimed until now the one assigned to its slot, unless it is another's by now. */
  adopt(owner: ObjectName, slot: string, value: string): void;
  /** The value of the owner's slot: as before where possible, else the first free one; undefined: none is free. */
  assign(owner: ObjectName, slot: string, candidates: Candidates): string | undefined;
  /** Gives back the values of all slots of the owner but these. */
  retain(owner: ObjectName, slots: ReadonlySet<string>): void;
  /** Gives all of them back; an owner that found nothing free is looked at again when something becomes free. */
  abandon(owner: ObjectName): void;
  /** Gives back what history holds for owners that are no more. */
  forgetAbsent(isPresent: (owner: ObjectName) => boolean): void;
  /** What was assigned to the slot. */
  assigned(owner: ObjectName, slot: string): string | undefined;
  /** Every value that is claimed or assigned; some twice. */
  values(): Iterable<string>;
  /** Owners for whom something changed since the last call: they have to be looked at again. */
  takeAffected(): ReadonlySet<ObjectName>;
  /** Whoever has a value now keeps it against later claims, until it gives it up. */
  keep(): void;
  history(): ClaimHistory;
  /** Another number whenever history may be another. */
  revision(): number;
}

interface Claim {
  readonly createdAtMs: number | null;
  readonly contested: boolean;
}

interface Book {
  readonly claims: Map<string, Map<ObjectName, Claim>>;
  readonly claimedBy: Map<ObjectName, readonly string[]>;
  readonly holders: Map<string, ObjectName>;
  /** Lists are replaced, never changed: history shares them. */
  readonly slots: Map<ObjectName, readonly Assignment[]>;
  /** Whose values were as of the last `keep`. */
  readonly kept: Map<string, ObjectName>;
  /** Values whose owner may be another since then. */
  readonly moved: Set<string>;
  /** Owners that found nothing free, with the slots that stayed empty: any value given back may be theirs. */
  readonly starved: Map<ObjectName, Set<string>>;
  /** Values assigned since the last takeAffected: nobody has gone without them yet. */
  readonly fresh: Set<string>;
  affected: Set<ObjectName>;
  revision: number;
}

/** @param history of an earlier book; its assignments stand until their owner gives them up */
export function createClaimBook(history?: ClaimHistory): ClaimBook {
  const book = openBook(history);
  return {
    claim: (owner, createdAtMs, values, contested) =>
      replaceClaims(book, owner, { createdAtMs, contested }, values),
    winner: (value) => winnerOf(book, value),
    adopt: (owner, slot, value) => adoptValue(book, owner, slot, value),
    assign: (owner, slot, candidates) => assignSlot(book, owner, slot, candidates),
    retain(owner, slots) {
      for (const { slot } of book.slots.get(owner) ?? []) if (!slots.has(slot)) giveBack(book, owner, slot);
      for (const slot of book.starved.get(owner) ?? []) if (!slots.has(slot)) satisfy(book, owner, slot);
    },
    abandon: (owner) => giveAllBack(book, owner),
    forgetAbsent(isPresent) {
      for (const owner of book.slots.keys()) if (!isPresent(owner)) giveAllBack(book, owner);
      for (const [value, owner] of book.kept) if (!isPresent(owner)) book.kept.delete(value);
    },
    assigned: (owner, slot) => heldIn(book, owner, slot),
    *values() {
      yield* book.claims.keys();
      yield* book.holders.keys();
    },
    takeAffected() {
      const { affected } = book;
      book.affected = new Set();
      book.fresh.clear();
      return affected;
    },
    keep: () => keepAll(book),
    history: () => ({ assigned: snapshotOf(book.slots), kept: snapshotOf(book.kept) }),
    revision: () => book.revision,
  };
}

function openBook(history: ClaimHistory | undefined): Book {
  const book: Book = {
    claims: new Map(),
    claimedBy: new Map(),
    holders: new Map(),
    slots: new Map(),
    kept: new Map(history === undefined ? [] : entriesOf(history.kept)),
    moved: new Set(),
    starved: new Map(),
    fresh: new Set(),
    affected: new Set(),
    revision: 0,
  };
  for (const [owner, assignments] of history === undefined ? [] : entriesOf(history.assigned))
    for (const { slot, value } of assignments) if (!book.holders.has(value)) hold(book, owner, slot, value);
  return book;
}

function keepAll(book: Book): void {
  for (const value of book.moved) {
    const owner = book.holders.get(value) ?? winnerOf(book, value);
    if (owner === undefined) book.kept.delete(value);
    else book.kept.set(value, owner);
  }
  book.revision += book.moved.size;
  book.moved.clear();
}

function replaceClaims(book: Book, owner: ObjectName, claim: Claim, values: readonly string[]): void {
  if (claimsAlready(book, owner, claim, values)) return;
  for (const value of book.claimedBy.get(owner) ?? []) {
    const others = book.claims.get(value);
    others?.delete(owner);
    if (others?.size === 0) book.claims.delete(value);
    book.moved.add(value);
    markAffected(book, [...(others?.keys() ?? []), ...book.starved.keys()]);
  }
  if (values.length === 0) book.claimedBy.delete(owner);
  else book.claimedBy.set(owner, values);
  for (const value of values) {
    const claims = book.claims.get(value) ?? new Map<ObjectName, Claim>();
    markAffected(book, claims.keys());
    book.claims.set(value, claims.set(owner, claim));
    book.moved.add(value);
    evict(book, value, claim.contested);
  }
}

function claimsAlready(
  { claims, claimedBy }: Book,
  owner: ObjectName,
  claim: Claim,
  values: readonly string[],
): boolean {
  const before = claimedBy.get(owner) ?? [];
  const isSame = (value: string, index: number): boolean => {
    const known = claims.get(value)?.get(owner);
    return (
      before[index] === value &&
      known?.createdAtMs === claim.createdAtMs &&
      known.contested === claim.contested
    );
  };
  return before.length === values.length && values.every(isSame);
}

function markAffected(book: Book, owners: Iterable<ObjectName>): void {
  for (const owner of owners) book.affected.add(owner);
}

/** Takes an assigned value from its holder. One that was kept yields only to a claim that nothing can refuse. */
function evict(book: Book, value: string, contested: boolean): void {
  const holder = book.holders.get(value);
  if (holder === undefined || (contested && book.kept.get(value) === holder)) return;
  book.holders.delete(value);
  keepWhere(book, holder, (each) => each.value !== value);
  book.affected.add(holder);
}

function winnerOf(book: Book, value: string): ObjectName | undefined {
  const claims = book.claims.get(value);
  const keeper = book.kept.get(value);
  const isKept = book.holders.get(value) === keeper || claims?.get(keeper as ObjectName)?.contested === true;
  if (keeper !== undefined && isKept) return keeper;
  let best: { readonly owner: ObjectName; readonly age: number } | undefined;
  for (const [owner, claim] of claims ?? []) {
    if (!claim.contested) continue;
    const age = claim.createdAtMs ?? Number.POSITIVE_INFINITY;
    if (best === undefined || age < best.age || (age === best.age && compareText(owner, best.owner) < 0)) {
      best = { owner, age };
    }
  }
  return best?.owner;
}

function assignSlot(book: Book, owner: ObjectName, slot: string, candidates: Candidates): string | undefined {
  const held = heldIn(book, owner, slot);
  if (held !== undefined && candidates.has(held)) return held;
  for (const value of candidates.values()) if (isFree(book, value)) return take(book, owner, slot, value);
  giveBack(book, owner, slot);
  book.starved.set(owner, (book.starved.get(owner) ?? new Set<string>()).add(slot));
  return undefined;
}

function adoptValue(book: Book, owner: ObjectName, slot: string, value: string): void {
  const isOurs = isFree(book, value) || (book.kept.get(value) === owner && !book.holders.has(value));
  if (isOurs && heldIn(book, owner, slot) === undefined) hold(book, owner, slot, value);
}

function isFree(book: Book, value: string): boolean {
  return !book.claims.has(value) && !book.holders.has(value);
}

function take(book: Book, owner: ObjectName, slot: string, value: string): string {
  giveBack(book, owner, slot);
  satisfy(book, owner, slot);
  book.fresh.add(value);
  hold(book, owner, slot, value);
  return value;
}

function heldIn({ slots }: Book, owner: ObjectName, slot: string): string | undefined {
  return slots.get(owner)?.find((each) => each.slot === slot)?.value;
}

/** Forgets the owner's other assignments. */
function keepWhere({ slots }: Book, owner: ObjectName, stays: (each: Assignment) => boolean): void {
  const left = slots.get(owner)?.filter(stays) ?? [];
  if (left.length === 0) slots.delete(owner);
  else slots.set(owner, left);
}

function hold(book: Book, owner: ObjectName, slot: string, value: string): void {
  const assignment = { slot, value };
  const before = book.slots.get(owner);
  book.slots.set(owner, before === undefined ? [assignment] : [...before, assignment]);
  book.holders.set(value, owner);
  book.moved.add(value);
}

function giveAllBack(book: Book, owner: ObjectName): void {
  for (const { slot } of book.slots.get(owner) ?? []) giveBack(book, owner, slot);
}

function giveBack(book: Book, owner: ObjectName, slot: string): void {
  const value = heldIn(book, owner, slot);
  if (value === undefined) return;
  keepWhere(book, owner, (each) => each.slot !== slot);
  book.holders.delete(value);
  book.moved.add(value);
  // Who claimed it while it was kept may have it now.
  markAffected(book, book.claims.get(value)?.keys() ?? []);
  // Who takes one of two values and gives it back for want of the other must not wake others that do the same.
  if (!book.fresh.delete(value)) markAffected(book, book.starved.keys());
}

function satisfy(book: Book, owner: ObjectName, slot: string): void {
  const slots = book.starved.get(owner);
  slots?.delete(slot);
  if (slots?.size === 0) book.starved.delete(owner);
}
