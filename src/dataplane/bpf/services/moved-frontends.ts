/** Frontends that go from one Service to another: the new one writes over them, nobody deletes them. */
import type { ServiceId, ServiceRows } from '../../../model/rows.ts';
import type { Installed } from './installed.ts';
import { contentOf, type StandingService } from './plan.ts';
import { frontendName, type ServedFrontend, servedBy } from './served.ts';

/** A Service as it stands and as it ought to. */
export interface ServicePair {
  readonly id: ServiceId;
  readonly standing: StandingService | undefined;
  readonly rows: ServiceRows | undefined;
}

/** By name. `strays` are nobody's. */
export function frontendsThatMove(
  strays: readonly ServedFrontend[],
  pairs: readonly ServicePair[],
): ReadonlyMap<string, ServedFrontend> {
  const left = new Map(strays.map((frontend) => [frontendName(frontend), frontend] as const));
  for (const { standing, rows } of pairs) {
    if (standing === undefined) continue;
    const kept = new Set(rows === undefined ? [] : servedBy(rows).frontends.map(frontendName));
    for (const frontend of contentOf(standing).frontends) {
      const name = frontendName(frontend);
      if (!kept.has(name)) left.set(name, frontend);
    }
  }
  const moves = new Map<string, ServedFrontend>();
  if (left.size === 0) return moves;
  for (const { rows } of pairs) {
    if (rows === undefined) continue;
    for (const frontend of servedBy(rows).frontends) {
      const before = left.get(frontendName(frontend));
      if (before !== undefined) moves.set(frontendName(frontend), before);
    }
  }
  return moves;
}

/**
 * After the writing. `taken`: names of frontends that were written. A Service that found no room goes without those that
 * others took. Returns frontends that moved to a Service that found no room, so that nobody has them.
 */
export function settleMoves(
  { services, unprogrammed }: Installed,
  moves: ReadonlyMap<string, ServedFrontend>,
  taken: ReadonlySet<string>,
): readonly ServedFrontend[] {
  const kept = new Set<string>();
  if (moves.size === 0) return [];
  for (const id of unprogrammed) {
    const standing = services.get(id);
    if (standing === undefined) continue;
    const content = contentOf(standing);
    const frontends = content.frontends.filter((frontend) => !taken.has(frontendName(frontend)));
    for (const frontend of frontends) kept.add(frontendName(frontend));
    services.set(id, { ...standing, content: { ...content, frontends } });
  }
  return [...moves].flatMap(([name, frontend]) => (taken.has(name) || kept.has(name) ? [] : [frontend]));
}
