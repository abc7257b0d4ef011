/** Interleaved rounds: every variant once per round, in another order each time, so that noise meets all alike. */
import { type Random, shuffle } from './statistics.ts';

/**
 * Runs each variant `rounds` times and returns its values by round. One value may hold several metrics.
 * `warmUps` rounds before are run and forgotten: first connections fill caches and neighbour tables.
 */
export async function runInterleaved<Variant, Value>(
  variants: readonly Variant[],
  options: { readonly rounds: number; readonly warmUps: number; readonly random: Random },
  run: (variant: Variant) => Promise<Value>,
): Promise<Map<Variant, Value[]>> {
  const values = new Map<Variant, Value[]>(variants.map((variant) => [variant, []]));
  for (let round = -options.warmUps; round < options.rounds; round++) {
    for (const variant of shuffle(variants, options.random)) {
      const value = await run(variant);
      if (round >= 0) values.get(variant)?.push(value);
    }
  }
  return values;
}
