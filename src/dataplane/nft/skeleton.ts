/**
 * The fixed part of the table: its sets and chains. What is in place is compared by content, so an agent of another
 * version, or one that finds a rule tampered with, rewrites just the chains that differ, in the batch of its first rows.
 */
import { type Command, expressionsEqual, type SetSpec } from '../../kernel/native.ts';
import { addRules, type Chain, declareChain, deleteChain, flushChain } from './chains/chain.ts';
import { dispatchChains } from './chains/dispatch.ts';
import { fixedPickChains, stickyChains } from './chains/pick.ts';
import { type PostroutingOptions, postroutingChains } from './chains/postrouting.ts';
import { sourceChains } from './chains/sources.ts';
import type { Observed, ObservedChain } from './read-back.ts';
import { TABLE_FAMILY, type TableLayout } from './table-layout.ts';

/** What a person calls this arrangement of chains; raise it when they change meaning. */
export const SKELETON_VERSION = 2;

/** How what was read back compares with what should be there. */
export interface SkeletonState<Name extends string> {
  /** There is no table, or its sets are of other types: everything is written anew. */
  readonly rebuild: boolean;
  readonly missingSets: readonly Name[];
  /** Fixed chains that are missing or differ. */
  readonly broken: readonly Chain[];
  /** Chain rows by name: whether they can stay as they are. */
  readonly rows: ReadonlyMap<string, boolean>;
  /** Chains that are neither fixed nor chain rows. */
  readonly foreign: readonly string[];
  /** Sets that this version does not have. */
  readonly foreignSets: readonly string[];
}

/** The fixed chains. */
export function buildSkeleton(options: PostroutingOptions): readonly Chain[] {
  return [
    ...dispatchChains(),
    ...sourceChains(),
    ...stickyChains(),
    ...fixedPickChains(),
    ...postroutingChains(options),
  ];
}

export function compareSkeleton<Name extends string>(
  { sets, chainRow }: TableLayout<Name>,
  skeleton: readonly Chain[],
  observed: Observed<Name>,
): SkeletonState<Name> {
  const { specs } = observed;
  const rebuild = !observed.exists || [...sets].some(([set, spec]) => !isSameShape(specs.get(set), spec));
  if (rebuild) {
    const missingSets = [...sets.keys()];
    return { rebuild, missingSets, broken: skeleton, rows: new Map(), foreign: [], foreignSets: [] };
  }
  const fixed = new Set(skeleton.map(({ name }) => name));
  const rows = new Map<string, boolean>();
  const foreign: string[] = [];
  for (const [name, found] of observed.chains) {
    const row = chainRow(name);
    if (row !== undefined) rows.set(name, isIntact(row, found));
    else if (!fixed.has(name)) foreign.push(name);
  }
  const missingSets = [...sets.keys()].filter((set) => !specs.has(set));
  const broken = skeleton.filter((chain) => !isIntact(chain, observed.chains.get(chain.name)));
  const known: ReadonlySet<string> = new Set(sets.keys());
  const foreignSets = [...specs.keys()].filter((set) => !known.has(set));
  return { rebuild, missingSets, broken, rows, foreign, foreignSets };
}

/** The whole batch: what the skeleton lacks, the delta of rows, then what is left over. */
export function skeletonCommands<Name extends string>(
  layout: TableLayout<Name>,
  state: SkeletonState<Name>,
  observed: Observed<Name>,
  delta: readonly Command[],
): readonly Command[] {
  const place = { family: TABLE_FAMILY, table: layout.table } as const;
  const table = { object: 'table', ...place } as const;
  const anew: readonly Command[] = [
    ...(observed.exists ? [{ verb: 'delete', ...table } as const] : []),
    { verb: 'add', ...table },
  ];
  return [
    ...(state.rebuild ? anew : []),
    ...state.missingSets.map((set): Command => {
      const spec = layout.sets.get(set);
      return { verb: 'add', object: 'set', ...place, set, ...(spec === undefined ? {} : { spec }) };
    }),
    ...state.broken.flatMap((chain) =>
      declareAgain(layout.table, chain, state.rebuild ? undefined : observed.chains.get(chain.name)),
    ),
    ...state.broken.flatMap((chain) => addRules(layout.table, chain)),
    ...state.foreign.map((name) => flushChain(layout.table, name)),
    ...delta,
    ...state.foreign.map((name) => deleteChain(layout.table, name)),
    ...state.foreignSets.map((set): Command => ({ verb: 'delete', object: 'set', ...place, set })),
  ];
}

/** Empty and registered at its hook, whatever it was before. */
function declareAgain(table: string, chain: Chain, found: ObservedChain | undefined): readonly Command[] {
  if (found === undefined) return [declareChain(table, chain)];
  const flush = flushChain(table, chain.name);
  if (isSameBase(chain, found)) return [flush];
  return [flush, deleteChain(table, chain.name), declareChain(table, chain)];
}

function isIntact(chain: Chain, found: ObservedChain | undefined): boolean {
  if (found === undefined || !isSameBase(chain, found) || found.rules.length !== chain.rules.length)
    return false;
  return chain.rules.every((rule, index) => expressionsEqual(rule, found.rules[index] ?? []));
}

function isSameBase({ base }: Chain, found: ObservedChain): boolean {
  if (base === undefined || found.base === undefined) return base === found.base;
  const { type, hook, priority, policy = 'accept' } = found.base;
  return base.type === type && base.hook === hook && base.priority === priority && base.policy === policy;
}

/** Sets of another key, value or kind can't be kept; a missing one can be added. */
function isSameShape(found: SetSpec | undefined, wanted: SetSpec): boolean {
  return found === undefined || shapeOf(found) === shapeOf(wanted);
}

function shapeOf({ key, data, interval = false, dynamic = false, timeout = false }: SetSpec): string {
  return JSON.stringify([key, data ?? null, interval, dynamic, timeout]);
}
