/** What the programs noted of backends whose rows went: it stays for as long as connections to them are open. */
import type { StandingService } from './plan.ts';
import type { ServiceTables } from './tables.ts';

/** Numbers of backends that were noted and stand for nothing any more. */
export async function notedWithoutRow(
  { backendStates }: Pick<ServiceTables, 'backendStates'>,
  services: Iterable<StandingService>,
): Promise<Set<number>> {
  const standing = new Set<number>();
  for (const { backends } of services) for (const number of backends) standing.add(number);
  const noted = new Set<number>();
  for await (const batch of backendStates.batches())
    for (const [number] of batch) if (!standing.has(number)) noted.add(number);
  return noted;
}

/** Removes what was noted of those without open connections, and takes them off `noted`. Returns how many entries went. */
export async function forgetNoted(
  { backendStates }: Pick<ServiceTables, 'backendStates'>,
  noted: Set<number>,
): Promise<number> {
  const forgotten: number[] = [];
  for (const number of noted)
    if (((await backendStates.get(number))?.open ?? 0) === 0) forgotten.push(number);
  for (const number of forgotten) noted.delete(number);
  return backendStates.delete(forgotten);
}
