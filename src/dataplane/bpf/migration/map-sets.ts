/**
 * Sets of pinned maps: each is all that one build's programs read and write. `maps` is the one that packets are judged by;
 * beside it there are others only while a build with another layout takes over, or where that was cut short.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { LAYOUT as SOCKET } from '../../../generated/socket.ts';
import { pin } from '../../../kernel/bpf-program.ts';
import { entryLayoutOf, structBeside, type ValueLayout } from '../../../kernel/map-layout.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import { MAP_NAMES, type MapName } from './carriage.ts';
import type { LaidOutMap } from './carry.ts';

export interface MapSet {
  readonly path: string;
  /** Those of the policy programs that are there. */
  readonly maps: ReadonlyMap<MapName, LaidOutMap>;
  /** What the programs write to the ring of events, which is no key or value of a map; null: not known. */
  readonly event: ValueLayout | null;
}

/** The structure of an event. */
export const EVENT = 'policy_event';
const CURRENT = 'maps';
const NEXT = 'maps-next-';
/** A set is renamed to its name when it is complete. */
const MAKING = 'maps-making';
const PAST = 'maps-past';

/** Where the set is that packets are judged by; the only one most of the time. */
export function currentSet(directory: string): string {
  return `${directory}/${CURRENT}`;
}

/** Ends what a process that was killed left half done in the pins' directory: afterwards every set is complete. */
export function settleSets(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  rmSync(`${directory}/${MAKING}`, { recursive: true, force: true });
  const [newest] = setPaths(directory);
  if (newest !== undefined && !existsSync(currentSet(directory))) renameSync(newest, currentSet(directory));
  rmSync(`${directory}/${PAST}`, { recursive: true, force: true });
}

/** The sets that hold any of the policy programs' maps, the newest first. Rejects with the kernel's Error. */
export async function readSets(directory: string): Promise<readonly MapSet[]> {
  const sets = await Promise.all(setPaths(directory).map(readSet));
  return sets.filter(({ maps }) => maps.size > 0);
}

/** Pins the maps as a set of their own, all at once; returns its path. Rejects with the kernel's Error. */
export async function pinSet(
  directory: string,
  maps: Iterable<readonly [MapName, LaidOutMap]>,
): Promise<string> {
  const making = `${directory}/${MAKING}`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o700 });
  for (const [name, { map }] of maps) await pin(map, `${making}/${name}`);
  const numbers = setPaths(directory).map((path) => Number(path.split(NEXT)[1] ?? 0));
  const path = `${directory}/${NEXT}${Math.max(0, ...numbers) + 1}`;
  renameSync(making, path);
  return path;
}

/** Makes the set at `path` the only one. */
export function keepOnly(directory: string, path: string): void {
  const current = currentSet(directory);
  if (path !== current) {
    if (existsSync(current)) {
      for (const name of foreignPins(current)) renameSync(`${current}/${name}`, `${path}/${name}`);
      renameSync(current, `${directory}/${PAST}`);
    }
    renameSync(path, current);
  }
  removeOtherSets(directory);
  const known = new Set<string>([...MAP_NAMES, ...Object.keys(SOCKET.maps)]);
  for (const name of readdirSync(current)) if (!known.has(name)) rmSync(`${current}/${name}`);
}

/** Removes all but the current set. A directory that is not there is fine. */
export function removeOtherSets(directory: string): void {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  for (const name of names)
    if (name.startsWith(`${CURRENT}-`)) rmSync(`${directory}/${name}`, { recursive: true, force: true });
}

/** Lets go of the maps; what is pinned stays. */
export function closeSets(sets: readonly MapSet[]): void {
  for (const { maps } of sets) for (const { map } of maps.values()) nativeAddon().closeDescriptor(map);
}

/** The newest first. */
function setPaths(directory: string): readonly string[] {
  const names = readdirSync(directory).filter((name) => name === CURRENT || name.startsWith(NEXT));
  const numberOf = (name: string) => Number(name.split(NEXT)[1] ?? 0);
  return names.sort((a, b) => numberOf(b) - numberOf(a)).map((name) => `${directory}/${name}`);
}

async function readSet(path: string): Promise<MapSet> {
  const names = new Set(readdirSync(path));
  const maps = await Promise.all(
    MAP_NAMES.filter((name) => names.has(name)).map(
      async (name) => [name, await laidOut(await nativeAddon().openPinned(`${path}/${name}`))] as const,
    ),
  );
  const [[, first] = []] = maps;
  const event = first === undefined ? null : await structBeside(first.map, EVENT);
  return { path, maps: new Map(maps), event };
}

async function laidOut(map: Descriptor): Promise<LaidOutMap> {
  const [{ id }, layout] = await Promise.all([nativeAddon().describeMap(map), entryLayoutOf(map)]);
  return { id, map, layout };
}

/** Maps of other programs alone, which are pinned beside the tables that both share. */
function foreignPins(path: string): readonly string[] {
  const own = new Set<string>(MAP_NAMES);
  return readdirSync(path).filter((name) => !own.has(name) && name in SOCKET.maps);
}
