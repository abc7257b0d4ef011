/** Maps of programs that can start with empty ones. */
import { existsSync, rmSync } from 'node:fs';
import { entryLayout, entryLayoutOf, sameEntries } from '../../../kernel/map-layout.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { ObjectLayout } from '../../../kernel/object-file.ts';
import { freshMaps, MAP_NAMES } from './carriage.ts';
import { currentSet } from './map-sets.ts';

/**
 * Removes the pins of maps that `layout` has in another way, so that new ones take their places; programs that go by the old
 * ones keep them. Where the policy programs have pinned theirs, their takeover sees to all that they have: here they stay.
 * Rejects with the kernel's Error.
 */
export async function dropChangedPins(directory: string, layout: ObjectLayout): Promise<void> {
  const set = currentSet(directory);
  const pinned = Object.keys(layout.maps).filter((name) => existsSync(`${set}/${name}`));
  const differ = await Promise.all(pinned.map((name) => isLaidOutOtherwise(`${set}/${name}`, name, layout)));
  const changed = new Set(pinned.filter((_, index) => differ[index]));
  const rows = MAP_NAMES.filter((name) => changed.has(name));
  const fresh = new Set<string>(rows.length === 0 ? [] : freshMaps(rows));
  const isCarried = existsSync(`${set}/subjects`);
  const shared = new Set<string>(MAP_NAMES);
  for (const name of pinned)
    if (shared.has(name) ? fresh.has(name) && !isCarried : changed.has(name)) rmSync(`${set}/${name}`);
}

/** Whether the map that is pinned at the path has other entries than `layout` says. Rejects with the kernel's Error. */
export async function isLaidOutOtherwise(path: string, name: string, layout: ObjectLayout): Promise<boolean> {
  const wanted = layout.maps[name];
  const map = await nativeAddon().openPinned(path);
  try {
    return wanted === undefined || !sameEntries(await entryLayoutOf(map), entryLayout(wanted, layout));
  } finally {
    nativeAddon().closeDescriptor(map);
  }
}
