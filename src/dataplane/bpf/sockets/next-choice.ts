/**
 * What the programs would choose next, as chances: bpf/lib/schedule.h once more, over tables that were read, without taking a
 * turn. Whoever changes one changes the other; a test compares them with sockets.
 */
import type { Scheduler } from '../../../generated/policy.ts';

/** What a choice goes by. Backends have numbers. */
export interface ChoiceTables {
  readonly scheduler: Scheduler;
  /** How many the list that is chosen from has. */
  readonly slotCount: number;
  /** Backends by slot, of `triedSlots` at least. */
  readonly slots: ReadonlyMap<number, number>;
  readonly backends: ReadonlyMap<number, ChoiceBackend>;
  /** The next turn. */
  readonly turn: number;
  readonly slowStartSeconds: number;
  readonly ejects: boolean;
  /** The connection may be the one that is let through to an ejected backend: TCP. */
  readonly probes: boolean;
  /** What is hashed, 16 bytes: who dials, or what. */
  readonly hashed: Uint8Array;
  /** Whom affinity remembers, if connections may go to it still. */
  readonly remembered: number | null;
  /** Of the kernel's monotonic clock, like all times. */
  readonly nowNs: number;
}

export interface ChoiceBackend {
  readonly weight: number;
  /** Second in which it joined; 0: it has its full share. */
  readonly since: number;
  readonly open: number;
  /** 0: not ejected. */
  readonly ejectedUntilNs: number;
  /** When a connection was let through; 0: none was. */
  readonly probedNs: number;
}

/** `out`: ejected; `probed`: it was, and the next connection tries it. */
export type Standing = 'in' | 'out' | 'probed';
/** By number; together 1, or nothing where there are no slots. */
export type Chances = ReadonlyMap<number, number>;

const TRIES = 16;
const TRIES_IN_TURN = 8;
const COMPARED = 64;
const WHOLE = 100;
const NANOSECONDS_PER_SECOND = 1e9;
const PROBE_NS = 5 * NANOSECONDS_PER_SECOND;
const NOBODY: ChoiceBackend = { weight: 1, since: 0, open: 0, ejectedUntilNs: 0, probedNs: 0 };

/** Slots that the choice may look at. */
export function triedSlots(
  tables: Pick<ChoiceTables, 'scheduler' | 'hashed' | 'slotCount'>,
): readonly number[] {
  if (!isHashed(tables)) return Array.from({ length: tables.slotCount }, (_, slot) => slot);
  return Array.from({ length: tables.slotCount === 0 ? 0 : TRIES }, (_, tries) => hashedSlot(tables, tries));
}

/** Who the next connection goes to. */
export function nextChances(tables: ChoiceTables): Chances {
  const { remembered } = tables;
  // However new it is: slow start is for those who choose.
  if (remembered !== null && standingOf(tables, remembered) !== 'out') return new Map([[remembered, 1]]);
  if (tables.slotCount === 0) return new Map();
  return isCompared(tables) ? compared(tables) : drawn(tables);
}

/** The slot that is looked at first; null: any. */
export function firstSlot(tables: ChoiceTables): number | null {
  if (isCompared(tables)) return tables.slotCount <= COMPARED ? turnSlot(tables, 0) : null;
  return drawnSlot(tables, 0);
}

/** How a backend stands with the next connection. */
export function standingOf({ ejects, probes, backends, nowNs }: ChoiceTables, number: number): Standing {
  const { ejectedUntilNs, probedNs } = backends.get(number) ?? NOBODY;
  if (!ejects || ejectedUntilNs === 0) return 'in';
  if (nowNs < ejectedUntilNs) return 'out';
  if (!probes) return 'in';
  return probedNs !== 0 && nowNs - probedNs < PROBE_NS ? 'out' : 'probed';
}

/** Percent of its share that the backend has by now. */
export function shareOf({ slowStartSeconds, backends, nowNs }: ChoiceTables, number: number): number {
  const { since } = backends.get(number) ?? NOBODY;
  const elapsed = Math.floor(nowNs / NANOSECONDS_PER_SECOND) - since;
  if (slowStartSeconds === 0 || since === 0 || elapsed < 0 || elapsed >= slowStartSeconds) return WHOLE;
  return Math.max(WHOLE / 10, Math.floor((elapsed * WHOLE) / slowStartSeconds));
}

function isCompared({ scheduler }: ChoiceTables): boolean {
  return !['random', 'turns', 'client-hash', 'destination-hash'].includes(scheduler);
}

function isHashed({ scheduler }: Pick<ChoiceTables, 'scheduler'>): boolean {
  return scheduler === 'client-hash' || scheduler === 'destination-hash';
}

/** How likely a backend takes a connection that comes to it. */
function acceptance(tables: ChoiceTables, number: number): number {
  const standing = standingOf(tables, number);
  if (standing !== 'in') return standing === 'probed' ? 1 : 0;
  const share = shareOf(tables, number);
  if (isHashed(tables)) return hashOf(tables.hashed, number) % WHOLE < share ? 1 : 0;
  return share / WHOLE;
}

/** null: any. */
function drawnSlot(tables: ChoiceTables, tries: number): number | null {
  if (isHashed(tables)) return hashedSlot(tables, tries);
  return tables.scheduler === 'turns' && tries < TRIES_IN_TURN ? turnSlot(tables, tries) : null;
}

function hashedSlot(
  { hashed, slotCount }: Pick<ChoiceTables, 'hashed' | 'slotCount'>,
  tries: number,
): number {
  return hashOf(hashed, tries) % slotCount;
}

function turnSlot({ turn, slotCount }: ChoiceTables, further: number): number {
  return ((turn + further) % 2 ** 32) % slotCount;
}

function drawn(tables: ChoiceTables): Chances {
  const anywhere = new Map<number, number>();
  for (const number of tables.slots.values()) add(anywhere, number, 1 / tables.slotCount);
  const chances = new Map<number, number>();
  // The first that was tried has it when all tries fail.
  let first: Chances = new Map();
  let left = 1;
  for (let tries = 0; tries < TRIES && left > 0; tries++) {
    const slot = drawnSlot(tables, tries);
    const tried = slot === null ? anywhere : new Map([[tables.slots.get(slot) ?? 0, 1]]);
    const refused = [...tried].map(([number, chance]) => [
      number,
      chance * (1 - acceptance(tables, number)),
    ]) as readonly (readonly [number, number])[];
    const failing = refused.reduce((sum, [, chance]) => sum + chance, 0);
    for (const [number, chance] of tried) add(chances, number, left * chance * acceptance(tables, number));
    if (tries === 0) first = new Map(refused.map(([number, chance]) => [number, chance / failing]));
    left *= failing;
  }
  for (const [number, chance] of first) if (left > 0) add(chances, number, left * chance);
  return chances;
}

function compared(tables: ChoiceTables): Chances {
  const count = tables.slotCount;
  if (count <= COMPARED) return new Map([[comparedFrom(tables, turnSlot(tables, 0)), 1]]);
  const chances = new Map<number, number>();
  for (let start = 0; start < count; start++) add(chances, comparedFrom(tables, start), 1 / count);
  return chances;
}

function comparedFrom(tables: ChoiceTables, start: number): number {
  const { slots, slotCount, scheduler } = tables;
  const looked = Array.from(
    { length: Math.min(slotCount, COMPARED) },
    (_, index) => slots.get((start + index) % slotCount) ?? 0,
  );
  let best: { readonly number: number; readonly open: number; readonly share: number } | null = null;
  for (const number of looked) {
    const standing = standingOf(tables, number);
    if (standing === 'probed') return number;
    if (standing === 'out') continue;
    const load = { number, ...loadOf(tables, number) };
    if (scheduler === 'never-queue' && load.open <= 1) return number;
    if (best === null || load.open * best.share < best.open * load.share) best = load;
  }
  return best?.number ?? looked[0] ?? 0;
}

/** Connections for the share that the backend is to have. */
function loadOf(tables: ChoiceTables, number: number) {
  const { scheduler, slowStartSeconds, backends } = tables;
  const { open, weight } = backends.get(number) ?? NOBODY;
  const isWeighted = scheduler !== 'least-connections';
  const itself = scheduler === 'shortest-delay' || scheduler === 'never-queue' ? 1 : 0;
  if (!isWeighted && slowStartSeconds === 0) return { open, share: WHOLE };
  const share = shareOf(tables, number);
  const coming = share < WHOLE && itself === 0 ? 1 : 0;
  return { open: open + itself + coming, share: share * (isWeighted ? weight : 1) };
}

/** As `hash_of`, in 32 bits. */
function hashOf(address: Uint8Array, salt: number): number {
  const words = new DataView(address.buffer, address.byteOffset, 16);
  let hash = salt;
  for (let at = 0; at < 16; at += 4) {
    hash = Math.imul(hash ^ words.getUint32(at, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function add(chances: Map<number, number>, number: number, chance: number): void {
  if (chance > 0) chances.set(number, (chances.get(number) ?? 0) + chance);
}
