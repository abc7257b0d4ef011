/** Maglev's look-up table (Eisenbud et al., NSDI 2016, section 3.4). */
import { hash } from 'node:crypto';

/** A backend of a table: what it is known by on every node, and its share beside others. */
export interface TableMember {
  readonly name: string;
  /** Whole, above 0. */
  readonly weight: number;
}

/**
 * Entries of every table, a prime: another size would lead nearly everybody elsewhere when the number of members passes some
 * bound. The paper's hundred entries a member make shares even to 1 %, which holds for 327 members here; that hardly
 * anybody moves takes more: with 3,000 a member, less than 1 % of the others' clients when one of ten goes.
 */
export const TABLE_SIZE = 32_749;

/**
 * Indexes of members by entry. They take turns, each at the next free entry of an order of its own; of unequal weights the
 * lighter miss turns, after a first one that all have. At least one member.
 */
export function maglevTable(members: readonly TableMember[]): Uint32Array {
  const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 0);
  const walks = members.map(({ name, weight }) => ({
    ...walkOf(name),
    weight,
    credit: heaviest - weight,
  }));
  const table = new Uint32Array(TABLE_SIZE);
  const isTaken = new Uint8Array(TABLE_SIZE);
  for (let filled = 0; filled < TABLE_SIZE; ) {
    for (const [index, walk] of walks.entries()) {
      walk.credit += walk.weight;
      if (walk.credit < heaviest || filled === TABLE_SIZE) continue;
      walk.credit -= heaviest;
      while (isTaken[walk.entry] === 1) walk.entry = (walk.entry + walk.skip) % TABLE_SIZE;
      table[walk.entry] = index;
      isTaken[walk.entry] = 1;
      filled++;
    }
  }
  return table;
}

/** Where a member's order of the entries begins, and how far it goes each time; the size is prime, so it meets all. */
function walkOf(name: string): { entry: number; readonly skip: number } {
  const digest = hash('sha256', name, 'buffer');
  return {
    entry: digest.readUInt32LE(0) % TABLE_SIZE,
    skip: (digest.readUInt32LE(4) % (TABLE_SIZE - 1)) + 1,
  };
}
