import type { Command, TimeoutSpec } from '../../../kernel/native.ts';
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
  /** Waiting times that its rules give to connections, by name. */
  readonly timeouts?: Readonly<Record<string, TimeoutSpec>>;
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

/** Its rules, and before them what they refer to; a timeout that exists stays as it is. */
export function addRules(table: string, { name, rules, timeouts = {} }: Chain): readonly Command[] {
  const place = { verb: 'add', family: TABLE_FAMILY, table } as const;
  return [
    ...Object.entries(timeouts).map(
      ([timeout, spec]): Command => ({ ...place, object: 'timeout', timeout, spec }),
    ),
    ...rules.map((expressions): Command => ({ ...place, object: 'rule', chain: name, expressions })),
  ];
}
