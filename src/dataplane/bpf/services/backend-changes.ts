/** What becomes of a Service's backends when its lists change. */
import type { Backend } from '../../../generated/policy.ts';
import type { StandingService } from './plan.ts';
import { backendValue, type Endpoint, type Lists } from './served.ts';

type Entry = readonly [number, Backend];

export interface BackendChanges {
  /** New ones, those that come into a list, and those of another weight; to be written before the lists change. */
  readonly coming: readonly Entry[];
  /** Those that are left out of a list; afterwards. */
  readonly leaving: readonly Entry[];
  /** Numbers of those that are in no list any more. */
  readonly gone: readonly number[];
  /** How many are new. */
  readonly fresh: number;
}

interface Membership {
  readonly endpoint: Endpoint;
  readonly since: number;
  /** Bit n: in the list n. */
  lists: number;
}

function membersOf(standing: StandingService | undefined, lists: Lists): ReadonlyMap<number, Membership> {
  const members = new Map<number, Membership>();
  let index = 0;
  for (const [list, endpoints] of lists.entries()) {
    for (const endpoint of endpoints) {
      const number = standing?.backends[index++] ?? 0;
      const since = standing?.since.get(number) ?? 0;
      const member = members.get(number) ?? { endpoint, since, lists: 0 };
      member.lists |= 1 << list;
      members.set(number, member);
    }
  }
  return members;
}

/** What becomes of the backends of a Service. A client keeps its backend as long as that is in the list: so it comes in before the list changes, and leaves after. */
export function backendChanges(
  standing: StandingService | undefined,
  before: Lists,
  next: StandingService | undefined,
  after: Lists,
): BackendChanges {
  const coming: Entry[] = [];
  const leaving: Entry[] = [];
  const gone: number[] = [];
  let fresh = 0;
  const [old, wanted] = [membersOf(standing, before), membersOf(next, after)];
  for (const [number, { endpoint, since, lists }] of wanted) {
    const known = old.get(number);
    if (known === undefined) fresh++;
    const had = known?.lists ?? 0;
    const isSame =
      known?.endpoint.weight === endpoint.weight && known.since === since && (had | lists) === had;
    if (next !== undefined && !isSame)
      coming.push([number, backendValue(endpoint, next.number, since, had | lists)]);
  }
  for (const [number, before] of old) {
    const { endpoint, since, lists } = wanted.get(number) ?? { ...before, lists: 0 };
    if (lists === 0) gone.push(number);
    if (standing !== undefined && (before.lists | lists) !== lists)
      leaving.push([number, backendValue(endpoint, standing.number, since, lists)]);
  }
  return { coming, leaving, gone, fresh };
}
