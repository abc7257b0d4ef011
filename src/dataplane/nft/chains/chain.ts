import type { Command } from '../../../kernel/native.ts';
import { TABLE_FAMILY } from '../table-layout.ts';
import type { Rule } from './matching.ts';

type AddChain = Extract<Command, { object: 'chain' }>;

/** A chain with all its rules. `base`: the hook it is registered at; without one it is reached by goto or jump. */
export interface Chain {
  readonly name: string;
  /** What it does, in a line of at most 120 bytes that `nft list` shows: some look-ups it can't show. */
  readonly about: string;
  readonly base?: NonNullable<AddChain['base']>;
  readonly rules: readonly Rule[];
}

/** Makes the chain known, so that others can go to it. */
export function declareChain(table: string, { name, about, base }: Chain): Command {
  const place = { family: TABLE_FAMILY, table, chain: name } as const;
  const command = { verb: 'add', object: 'chain', ...place, comment: about } as const;
  return base === undefined ? command : { ...command, base };
}

export function flushChain(table: string, name: string): Command {
  return { verb: 'flush', object: 'chain', family: TABLE_FAMILY, table, chain: name };
}

export function deleteChain(table: string, name: string): Command {
  return { verb: 'delete', object: 'chain', family: TABLE_FAMILY, table, chain: name };
}

export function addRules(table: string, { name, rules }: Chain): readonly Command[] {
  return rules.map((expressions) => ({
    verb: 'add',
    object: 'rule',
    family: TABLE_FAMILY,
    table,
    chain: name,
    expressions,
  }));
}
