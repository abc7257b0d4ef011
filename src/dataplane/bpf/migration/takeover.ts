/**
 * Programs loaded over the maps of an earlier process, whatever layout these have. Where some differ, the new ones get their
 * entries while the old programs go on judging by the old maps; the old maps go when no program of an earlier process is left.
 * Killed at any moment, each program still has all its maps, and the next process takes over from what it finds (H4).
 */

import { isDeepStrictEqual } from 'node:util';
import { LAYOUT } from '../../../generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../../kernel/bpf-object.ts';
import { entryLayout, sameEntries, valueLayout } from '../../../kernel/map-layout.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { NativeObjectOptions } from '../../../kernel/native-bpf.ts';
import { CARRIAGE, freshMaps, MAP_NAMES, type MapName } from './carriage.ts';
import { countCarriedFlows } from './carried-flows.ts';
import { carryEntries, type LaidOutMap } from './carry.ts';
import {
  closeSets,
  currentSet,
  EVENT,
  keepOnly,
  type MapSet,
  pinSet,
  readSets,
  settleSets,
} from './map-sets.ts';

export interface TakeoverOptions {
  /** Of the object file. */
  readonly object: string;
  readonly constants: NativeObjectOptions['constants'];
  /** Of the pins, in a BPF file system. */
  readonly directory: string;
}

/** What became of the maps of an earlier build. */
export interface MapUpgrade {
  /** Maps that were laid out in another way, or are new. */
  readonly changed: readonly string[];
  /** Entries that were carried over of those that programs write: open flows, affinities, fragments and denials. */
  readonly carried: number;
  /** No program goes by the old maps any more. */
  readonly complete: boolean;
}

export interface Takeover {
  readonly object: BpfObject;
  /**
   * Does nothing but where a process was killed amid `replacing`: these maps have all rows then, and with `replace` no pod is
   * left whose two programs go by different maps. Rejects with the kernel's Error.
   */
  resume(replace: () => Promise<void>): Promise<void>;
  /**
   * Runs `replace`, which puts the programs in the place of all others, when the rows are in. It returns those places where it
   * could not: with any, the old maps stay. Rejects with the kernel's Error; it can be called again.
   */
  replacing<Refused>(replace: () => Promise<readonly Refused[]>): Promise<readonly Refused[]>;
  /** Where maps of this process are pinned; null while they are still to be. */
  pins(): string | null;
  /** null: there was nothing to carry over. */
  upgrade(): MapUpgrade | null;
  close(): void;
}

interface State {
  readonly directory: string;
  readonly targets: ReadonlyMap<MapName, LaidOutMap>;
  /** Sets of other processes, the newest first. */
  readonly sources: readonly MapSet[];
  /** Of this process; null: not pinned yet, so nobody reads it. */
  own: string | null;
  carried: number;
  complete: boolean;
}

/** Rejects with the kernel's Error and leaves everything as it was. */
export async function openTakeover(options: TakeoverOptions): Promise<Takeover> {
  settleSets(options.directory);
  const sets = await readSets(options.directory);
  try {
    return await takeOver(options, sets);
  } catch (error) {
    closeSets(sets);
    throw error;
  }
}

async function takeOver(options: TakeoverOptions, sets: readonly MapSet[]): Promise<Takeover> {
  const { directory } = options;
  const own = sets.find((set) => changedMaps(set).length === 0);
  const sources = sets.filter((set) => set !== own);
  const changed = own === undefined ? changedMaps(sources[0]) : [];
  const fresh = own === undefined ? freshMaps(changed) : new Set<MapName>();
  const object = await loadOver(options, own ?? sources[0], fresh);
  try {
    const targets = await targetsOf(object);
    const state: State = { directory, targets, sources, own: own?.path ?? null, carried: 0, complete: false };
    if (own === undefined) await fill(state);
    if (sources.length === 0) await finish(state);
    return {
      object,
      async resume(replace) {
        if (own !== undefined) await replacing(state, replace);
      },
      async replacing(replace) {
        const refused = await replacing(state, replace);
        if (refused.length === 0) await finish(state);
        return refused;
      },
      pins: () => (state.complete ? currentSet(directory) : null),
      upgrade: () =>
        sources.length === 0 ? null : { changed, carried: state.carried, complete: state.complete },
      close() {
        closeSets(sets);
        object.close();
      },
    };
  } catch (error) {
    object.close();
    throw error;
  }
}

/** All maps but the fresh ones are those of the set. */
function loadOver(
  { object, constants }: TakeoverOptions,
  set: MapSet | undefined,
  fresh: ReadonlySet<MapName>,
): Promise<BpfObject> {
  const shared = set === undefined ? [] : MAP_NAMES.filter((name) => !fresh.has(name));
  const pins = Object.fromEntries(shared.map((name) => [name, `${set?.path}/${name}`]));
  return loadBpfObject(object, LAYOUT, { constants, pins });
}

async function replacing<Result>(state: State, replace: () => Promise<Result>): Promise<Result> {
  if (state.complete) return replace();
  if (state.own === null) {
    // What the old programs wrote since; nobody counts in the new maps yet.
    await carryMemory(state);
    await carryCounts(state);
    state.own = await pinSet(state.directory, state.targets);
  } else await carryLive(state);
  const result = await replace();
  await carryLive(state);
  return result;
}

async function finish(state: State): Promise<void> {
  if (state.complete) return;
  state.own ??= await pinSet(state.directory, state.targets);
  keepOnly(state.directory, state.own);
  state.complete = true;
}

/** Maps of this build that the set does not have like that; without a set, all. */
function changedMaps(set: MapSet | undefined): readonly MapName[] {
  const event = valueLayout(EVENT, LAYOUT);
  return MAP_NAMES.filter((name) => {
    const there = set?.maps.get(name);
    if (name === 'events' && !isDeepStrictEqual(set?.event, event)) return true;
    return there === undefined || !sameEntries(there.layout, entryLayout(LAYOUT.maps[name], LAYOUT));
  });
}

async function targetsOf({ maps }: BpfObject): Promise<ReadonlyMap<MapName, LaidOutMap>> {
  const targets = MAP_NAMES.map(async (name): Promise<readonly [MapName, LaidOutMap]> => {
    const map = maps[name];
    if (map === undefined) throw new Error(`the policy programs have no map ${name}`);
    const { id } = await nativeAddon().describeMap(map);
    return [name, { id, map, layout: entryLayout(LAYOUT.maps[name], LAYOUT) }];
  });
  return new Map(await Promise.all(targets));
}

/** Everything of the newest set, so that numbers go on to mean what they do; the first sync puts right what differs. */
async function fill(state: State): Promise<void> {
  for (const [name, target, source] of pairs(state, state.sources.slice(0, 1))) {
    if (CARRIAGE[name].kind === 'rows') await carryEntries(source, target, 'source');
  }
  await carryMemory(state);
  await carryCounts(state);
}

async function carryCounts(state: State): Promise<void> {
  for (const [name, target, source] of pairs(state, state.sources.slice(0, 1))) {
    if (CARRIAGE[name].kind === 'count') await carryEntries(source, target, 'source');
  }
}

async function carryMemory(state: State): Promise<void> {
  for (const [name, target, source] of pairs(state, state.sources)) {
    const carriage = CARRIAGE[name];
    if (carriage.kind !== 'memory') continue;
    const { added } = await carryEntries(source, target, { later: carriage.time });
    state.carried += added;
  }
}

/** Into maps that programs use already. */
async function carryLive(state: State): Promise<void> {
  for (const [name, target, source] of pairs(state, state.sources)) {
    const carriage = CARRIAGE[name];
    if (carriage.kind === 'rows' && carriage.grows) await carryEntries(source, target, 'target');
    if (carriage.kind !== 'memory') continue;
    const entries = await carryEntries(source, target, { later: carriage.time });
    state.carried += entries.added;
    const usages = state.targets.get('usages');
    if (name === 'flows' && usages !== undefined) await countCarriedFlows(entries, usages);
  }
}

/** Each map of the sets with that of this process, where they are two. */
function pairs(
  { targets }: State,
  sets: readonly MapSet[],
): readonly (readonly [MapName, LaidOutMap, LaidOutMap])[] {
  return sets.flatMap(({ maps }) =>
    [...maps].flatMap(([name, source]) => {
      const target = targets.get(name);
      return target === undefined || target.id === source.id ? [] : [[name, target, source] as const];
    }),
  );
}
