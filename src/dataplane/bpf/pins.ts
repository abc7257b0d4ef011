/** What the programs of each kind keep pinned, and its removal when nobody goes by it any more. */
import { rmSync } from 'node:fs';
import { LAYOUT as POLICY } from '../../generated/policy.ts';
import { LAYOUT as SOCKET } from '../../generated/socket.ts';
import { removeOtherSets } from './migration/map-sets.ts';

/** Of each kind of programs the directory of its links, and its maps: the tables of Services are both's. */
const PINS = {
  policies: { links: 'links', maps: Object.keys(POLICY.maps) },
  sockets: { links: 'sockets', maps: Object.keys(SOCKET.maps) },
} as const;

/**
 * Takes the programs of the other kinds than `stay` off, and removes the maps that only these used. `directory` is that of
 * an instance's pins. What is not there is fine.
 */
export function keepPins(directory: string, stay: readonly (keyof typeof PINS)[]): void {
  // With all that older versions may have left.
  if (stay.length === 0) rmSync(directory, { recursive: true, force: true });
  if (!stay.includes('policies')) removeOtherSets(directory);
  const kept = new Set<string>(stay.flatMap((kind) => PINS[kind].maps));
  const gone = Object.entries(PINS).filter(([kind]) => !stay.some((other) => other === kind));
  for (const [, { links, maps }] of gone) {
    rmSync(`${directory}/${links}`, { recursive: true, force: true });
    for (const map of maps) if (!kept.has(map)) rmSync(`${directory}/maps/${map}`, { force: true });
  }
}
