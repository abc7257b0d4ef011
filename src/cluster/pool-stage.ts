/**
 * Gives the load balancers of a batch their addresses. Costs those that ask for others than before; all load balancers only
 * where one of them is short of what it asks for, or brings an address that it has already.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Address, FAMILIES, familyOf } from '../model/address.ts';
import { type ObjectName, objectKey } from '../model/names.ts';
import type { ServiceObject } from '../model/objects.ts';
import {
  allocateFromPools,
  type Occupants,
  type PoolOutcome,
  type PoolRequest,
  servesClass,
} from './pool-allocation.ts';
import { poolRequestOf } from './pool-request.ts';
import type { ProblemText } from './problems.ts';
import type { State } from './state.ts';

/** A load balancer of a class that has a pool. */
interface Balancer {
  readonly service: ServiceObject;
  readonly request: PoolRequest;
  /** Of its annotations. */
  readonly problems: readonly ProblemText[];
}

export interface BalancerBook {
  readonly balancers: Map<ObjectName, Balancer>;
  /** Given to the output again; those whose request is another are in `changed` as well. */
  readonly due: Set<ObjectName>;
  readonly changed: Set<ObjectName>;
  readonly outcomes: Map<ObjectName, PoolOutcome>;
  readonly occupants: Occupants;
  /** Those with a problem: they may want whatever becomes free. */
  readonly short: Set<ObjectName>;
  /** Who has which address of the pools, by `owner|family`. */
  held: Map<string, Address>;
  /** Counts the looks at balancers: `held` is another only after one. */
  revision: number;
}

export function createBalancerBook(held: ReadonlyMap<string, Address> = new Map()): BalancerBook {
  return {
    balancers: new Map(),
    due: new Set(),
    changed: new Set(),
    outcomes: new Map(),
    occupants: new Map(),
    short: new Set(),
    held: new Map(held),
    revision: 0,
  };
}

/** Takes note of a completed Service; true: its output waits for settleBalancers. */
export function noteBalancer(
  { book, pools }: Desk,
  owner: ObjectName,
  service: ServiceObject | null,
): boolean {
  const isBalancer = service?.type === 'LoadBalancer';
  const hasPool = isBalancer && servesClass(pools, service.loadBalancerClass);
  // An address that another controller chose is in use as well.
  const counts = hasPool || (isBalancer && pools.length > 0 && service.loadBalancerIngress.length > 0);
  const before = book.balancers.get(owner);
  if (!counts) {
    if (book.balancers.delete(owner)) book.changed.add(owner);
    return false;
  }
  const { request, problems } = poolRequestOf(service);
  book.balancers.set(owner, { service, request, problems });
  book.due.add(owner);
  if (!isDeepStrictEqual(before?.request, request)) book.changed.add(owner);
  return true;
}

interface Desk {
  readonly book: BalancerBook;
  readonly pools: State['options']['loadBalancerPools'];
}

export function settleBalancers(state: State): void {
  const { balancers: book, options } = state;
  if (book.changed.size > 0) allocate(book, options.loadBalancerPools);
  for (const owner of book.due) tell(state, owner);
  book.due.clear();
  book.changed.clear();
}

function allocate(book: BalancerBook, pools: Desk['pools']): void {
  const { balancers, changed, occupants, held } = book;
  const isForAll = concernsAll(book);
  const owners = isForAll ? new Set([...balancers.keys(), ...changed]) : changed;
  if (isForAll) {
    occupants.clear();
    // Also what history holds for those that are no more.
    book.held = new Map();
  } else for (const owner of changed) vacate(book, owner);
  const requests = [...owners].flatMap((owner) => balancers.get(owner)?.request ?? []);
  const outcomes = allocateFromPools(pools, requests, held, changed, occupants);
  for (const owner of owners) enter(book, owner, outcomes.get(owner));
  book.revision += 1;
}

/** Whoever has all it asks for keeps it, unless another's status names it: then a change concerns nobody else. */
function concernsAll({ balancers, changed, short, revision }: BalancerBook): boolean {
  const isFirst = revision === 0;
  return (
    isFirst ||
    [...short].some((owner) => !changed.has(owner)) ||
    [...changed].some((owner) => (balancers.get(owner)?.request.given.length ?? 0) > 0)
  );
}

function vacate({ outcomes, occupants }: BalancerBook, owner: ObjectName): void {
  for (const address of outcomes.get(owner)?.addresses ?? []) {
    const others = occupants.get(address)?.filter((request) => request.owner !== owner) ?? [];
    if (others.length === 0) occupants.delete(address);
    else occupants.set(address, others);
  }
}

function enter(book: BalancerBook, owner: ObjectName, outcome: PoolOutcome | undefined): void {
  const { outcomes, short, held, due } = book;
  for (const family of FAMILIES) held.delete(`${owner}|${family}`);
  short.delete(owner);
  if (outcome === undefined) {
    outcomes.delete(owner);
    return;
  }
  if (!isDeepStrictEqual(outcome, outcomes.get(owner))) due.add(owner);
  outcomes.set(owner, outcome);
  if (outcome.problems.length > 0) short.add(owner);
  for (const address of outcome.addresses) held.set(`${owner}|${familyOf(address)}`, address);
}

function tell({ balancers: book, output, problems: ledger }: State, owner: ObjectName): void {
  const balancer = book.balancers.get(owner);
  if (balancer === undefined) return;
  const { service, problems } = balancer;
  const outcome = book.outcomes.get(owner) ?? { addresses: [], problems: [] };
  const key = objectKey('Service', service.namespace, service.name);
  ledger.record('addresses', key, service, [...problems, ...outcome.problems]);
  if (service.loadBalancerIngress.length > 0) output.put(service, owner);
  else {
    const ingress = outcome.addresses.map((address) => ({ address, ipMode: 'VIP' as const }));
    output.put({ ...service, loadBalancerIngress: ingress }, owner);
  }
}
