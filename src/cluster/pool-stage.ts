/** Gives the load balancers of a batch their addresses. Costs all load balancers where one of them asks for others. */
import { isDeepStrictEqual } from 'node:util';
import { type Address, familyOf } from '../model/address.ts';
import { type ObjectName, objectKey } from '../model/names.ts';
import type { ServiceObject } from '../model/objects.ts';
import { allocateFromPools, type PoolOutcome, type PoolRequest, servesClass } from './pool-allocation.ts';
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
  outcomes: ReadonlyMap<ObjectName, PoolOutcome>;
  /** Who has which address of the pools, by `owner|family`. */
  held: ReadonlyMap<string, Address>;
  /** Counts the looks at all balancers: `held` is another only after one. */
  revision: number;
}

export function createBalancerBook(held: ReadonlyMap<string, Address> = new Map()): BalancerBook {
  return { balancers: new Map(), due: new Set(), changed: new Set(), outcomes: new Map(), held, revision: 0 };
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
  if (book.changed.size > 0) {
    const requests = [...book.balancers.values()].map(({ request }) => request);
    const outcomes = allocateFromPools(options.loadBalancerPools, requests, book.held, book.changed);
    for (const [owner, outcome] of outcomes)
      if (!isDeepStrictEqual(outcome, book.outcomes.get(owner))) book.due.add(owner);
    book.outcomes = outcomes;
    book.held = heldIn(book);
    book.revision += 1;
  }
  for (const owner of book.due) tell(state, owner);
  book.due.clear();
  book.changed.clear();
}

function heldIn({ outcomes }: BalancerBook): ReadonlyMap<string, Address> {
  const held = new Map<string, Address>();
  for (const [owner, { addresses }] of outcomes) {
    for (const address of addresses) held.set(`${owner}|${familyOf(address)}`, address);
  }
  return held;
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
