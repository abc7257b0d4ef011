/** Small parts of generators. */
import fc from 'fast-check';
import type { Prefix } from '../../src/model/address.ts';

/** Keeps the first of each port and protocol, as the API server demands. */
export function oncePerKey<T extends { readonly port: number; readonly protocol: string }>(
  ports: readonly T[],
): readonly T[] {
  return ports.filter(
    (each, index) =>
      ports.findIndex(({ port, protocol }) => port === each.port && protocol === each.protocol) === index,
  );
}

/** Prefix literals. */
export function prefixes(...texts: readonly string[]): readonly Prefix[] {
  return texts as readonly string[] as readonly Prefix[];
}

/** The usual value most of the time. */
export function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

/** The usual value nearly always: for what takes a whole Service out of the question. */
export function rarely<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}
