/**
 * The fixed part of the table: its sets and base chains. It is written once and recognised by a digest that stands
 * in the set `skeleton`; an agent with other chains replaces them in one batch and keeps the sets and their elements.
 */
import { createHash } from 'node:crypto';
import type { Command } from '../../kernel/native.ts';
import type { Port } from '../../model/names.ts';
import { addRules, type Chain, declareChain, deleteChain, flushChain } from './chains/chain.ts';
import { dispatchChains } from './chains/dispatch.ts';
import { chainRow, stickyChains } from './chains/pick.ts';
import { postroutingChains } from './chains/postrouting.ts';
import { sourceChains } from './chains/sources.ts';
import { SETS, TABLE, TABLE_FAMILY } from './layout.ts';
import type { Observed } from './read-back.ts';
import { markSkeleton } from './transaction.ts';

/** What a person calls this arrangement of chains; raise it when they change meaning. */
export const SKELETON_VERSION = 1;

export interface Skeleton {
  readonly chains: readonly Chain[];
  /** First 32 bits of a hash over all chains and sets. */
  readonly digest: number;
}

/** How the chains that were read back compare with ours. */
export interface ChainsInPlace {
  /** Every fixed chain is there with as many rules as it should have, under our digest. */
  readonly intact: boolean;
  /** Chain rows by name: whether they can stay as they are. */
  readonly rows: ReadonlyMap<string, boolean>;
  /** Chains that are neither of this skeleton nor chain rows. */
  readonly foreign: readonly string[];
}

export function buildSkeleton(nodePortRange: readonly [Port, Port]): Skeleton {
  const chains = [
    ...dispatchChains(),
    ...sourceChains(),
    ...stickyChains(),
    ...postroutingChains(nodePortRange),
  ];
  const examples = ['pick-1', 'pick-local-1', 'stick-1'].map(chainRow);
  return { chains, digest: digestOf([SKELETON_VERSION, chains, examples, [...SETS]]) };
}

/** `suspect`: somebody else changed chains, so that the right number of rules proves nothing. */
export function chainsInPlace(
  skeleton: Skeleton,
  observed: Observed,
  { suspect }: { suspect: boolean },
): ChainsInPlace {
  const trusted = !suspect && observed.exists && observed.skeleton === skeleton.digest;
  const complete = ({ name, rules }: Chain) => observed.chains.get(name) === rules.length;
  const fixed = new Set(skeleton.chains.map(({ name }) => name));
  const rows = new Map<string, boolean>();
  const foreign: string[] = [];
  for (const name of observed.chains.keys()) {
    const row = chainRow(name);
    if (row !== undefined) rows.set(name, trusted && complete(row));
    else if (!fixed.has(name)) foreign.push(name);
  }
  const allSets = [...SETS.keys()].every((set) => observed.sets.has(set));
  return {
    intact: trusted && allSets && foreign.length === 0 && skeleton.chains.every(complete),
    rows,
    foreign,
  };
}

/** The whole batch: the skeleton where it is not intact, the delta of rows, then what is left over. */
export function skeletonCommands(
  skeleton: Skeleton,
  observed: Observed,
  chains: ChainsInPlace,
  delta: readonly Command[],
): readonly Command[] {
  if (chains.intact) return delta;
  const marks = [...(observed.sets.get('skeleton')?.values() ?? [])];
  return [
    ...installSkeleton(skeleton),
    ...markSkeleton(marks, skeleton.digest),
    ...chains.foreign.map(flushChain),
    ...delta,
    ...chains.foreign.map(deleteChain),
  ];
}

/** Table, sets and chains from nothing, or over an older skeleton whose sets are kept. */
function installSkeleton(skeleton: Skeleton): readonly Command[] {
  return [
    { verb: 'add', object: 'table', family: TABLE_FAMILY, table: TABLE },
    ...[...SETS].map(
      ([set, spec]): Command => ({
        verb: 'add',
        object: 'set',
        family: TABLE_FAMILY,
        table: TABLE,
        set,
        spec,
      }),
    ),
    ...skeleton.chains.map(declareChain),
    ...skeleton.chains.map(({ name }) => flushChain(name)),
    ...skeleton.chains.flatMap(addRules),
  ];
}

function digestOf(value: unknown): number {
  const text = JSON.stringify(value, (_key, item: unknown) =>
    item instanceof Uint8Array ? Buffer.from(item).toString('hex') : item,
  );
  return createHash('sha256').update(text).digest().readUInt32LE(0);
}
