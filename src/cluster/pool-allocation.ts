/**
 * Which load balancer gets which address of the pools. Looks at all that may be concerned at once: the result follows from
 * what they ask for and from who had what before, not from the order in which they came.
 */
import { type Address, type Family, familyOf } from '../model/address.ts';
import { compareText, type ObjectName } from '../model/names.ts';
import {
  type AddressPool,
  type AddressRange,
  addressInRange,
  rangeContains,
  rangeSize,
} from './address-pool.ts';
import { hashName } from './hash.ts';
import type { ProblemText } from './problems.ts';

/** What a load balancer asks for. */
export interface PoolRequest {
  readonly owner: ObjectName;
  readonly createdAtMs: number | null;
  readonly class: string | null;
  readonly families: readonly Family[];
  /** Those of which no pool need have addresses. */
  readonly optionalFamilies: readonly Family[];
  /** The addresses its status names; nothing is chosen for it then. */
  readonly given: readonly Address[];
  /** Addresses it asks for, at most one of each family, and where it says so. */
  readonly wanted: readonly Address[];
  readonly wantedField: string;
  /** Services of equal keys share addresses; null: none. */
  readonly sharingKey: string | null;
  /** `TCP/80` of every port: no two that share an address have one in common. */
  readonly ports: readonly string[];
  /** Text that is equal where two Services send an address's traffic to the same nodes. */
  readonly nodes: string;
}

export interface PoolOutcome {
  readonly addresses: readonly Address[];
  readonly problems: readonly ProblemText[];
}

/** Who has which address, be it by its status or from a pool. */
export type Occupants = Map<Address, readonly PoolRequest[]>;

interface Desk {
  readonly pools: readonly AddressPool[];
  readonly occupants: Occupants;
  readonly outcomes: Map<ObjectName, Map<Family, Address>>;
}

/**
 * Gives each request its addresses, and enters it with them in `occupants`, where others may be that stay. Those that statuses name come first, then those that were held before, then those
 * that are asked for, the eldest first; at last the free ones are given out.
 *
 * @param before who had which address, by `owner|family`
 * @param changed owners whose request is not the one that `before` stems from: where they clash, the others stay
 */
export function allocateFromPools(
  pools: readonly AddressPool[],
  requests: Iterable<PoolRequest>,
  before: ReadonlyMap<string, Address>,
  changed: ReadonlySet<ObjectName>,
  occupants: Occupants,
): ReadonlyMap<ObjectName, PoolOutcome> {
  const all = [...requests].sort(compareAge);
  const desk: Desk = { pools, occupants, outcomes: new Map() };
  for (const request of all) for (const address of request.given) occupy(desk, request, address);
  const open = all.filter(({ given }) => given.length === 0);
  const [steady, moved] = [false, true].map((is) => open.filter(({ owner }) => changed.has(owner) === is));
  for (const request of [...(steady ?? []), ...(moved ?? [])]) giveAgain(desk, request, before);
  const refusals = new Map(open.map((request) => [request.owner, giveWanted(desk, request)]));
  return new Map(
    all.map((request) => {
      const problems = refusals.get(request.owner) ?? [];
      const addresses = request.given.length > 0 ? request.given : giveRest(desk, request, problems);
      return [request.owner, { addresses, problems }];
    }),
  );
}

/** Whether there is a pool that serves the class. */
export function servesClass(pools: readonly AddressPool[], className: string | null): boolean {
  return pools.some((pool) => pool.class === className);
}

function compareAge(a: PoolRequest, b: PoolRequest): number {
  const [left, right] = [a, b].map(({ createdAtMs }) => createdAtMs ?? Number.MAX_SAFE_INTEGER);
  return (left ?? 0) - (right ?? 0) || compareText(a.owner, b.owner);
}

function occupy(desk: Desk, request: PoolRequest, address: Address): void {
  desk.occupants.set(address, [...(desk.occupants.get(address) ?? []), request]);
  const given = desk.outcomes.get(request.owner) ?? new Map<Family, Address>();
  desk.outcomes.set(request.owner, given.set(familyOf(address), address));
}

/** Who stands in the way of the request at the address, the eldest of several; undefined: it may have it. */
function rivalAt({ occupants }: Desk, request: PoolRequest, address: Address): PoolRequest | undefined {
  const others = occupants.get(address)?.filter((other) => other.owner !== request.owner) ?? [];
  // Not the first there: who came when must not show.
  return others.filter((other) => !mayShare(request, other)).sort(compareAge)[0];
}

function mayShare(a: PoolRequest, b: PoolRequest): boolean {
  const isAgreed = a.sharingKey !== null && a.sharingKey === b.sharingKey && a.nodes === b.nodes;
  return isAgreed && !a.ports.some((port) => b.ports.includes(port));
}

function giveAgain(desk: Desk, request: PoolRequest, before: ReadonlyMap<string, Address>): void {
  for (const family of request.families) {
    const former = before.get(`${request.owner}|${family}`);
    const wanted = wantedOf(request, family);
    if (former === undefined || (wanted !== undefined && wanted !== former)) continue;
    const isOffered = poolsFor(desk, request, wanted !== undefined).some(({ ranges }) =>
      ranges.some((range) => rangeContains(range, former)),
    );
    if (isOffered && rivalAt(desk, request, former) === undefined) occupy(desk, request, former);
  }
}

function giveWanted(desk: Desk, request: PoolRequest): ProblemText[] {
  const problems: ProblemText[] = [];
  for (const address of request.wanted) {
    if (desk.outcomes.get(request.owner)?.get(familyOf(address)) === address) continue;
    const rival = rivalAt(desk, request, address);
    const offered = poolsFor(desk, request, true).flatMap(({ ranges }) => ranges);
    if (!request.families.includes(familyOf(address))) problems.push(foreignFamily(request, address));
    else if (!offered.some((range) => rangeContains(range, address)))
      problems.push(outsidePools(desk, request, address));
    else if (rival !== undefined) problems.push(taken(request, address, rival));
    else occupy(desk, request, address);
  }
  return problems;
}

/** The addresses of the request, a free one for each family that has none yet and asks for none. */
function giveRest(desk: Desk, request: PoolRequest, problems: ProblemText[]): readonly Address[] {
  return request.families.flatMap((family) => {
    const given = desk.outcomes.get(request.owner)?.get(family);
    if (given !== undefined) return [given];
    if (wantedOf(request, family) !== undefined) return [];
    const pools = poolsFor(desk, request, false).filter(({ ranges }) => ranges.some(isOf(family)));
    const free = freeAddress(desk, request, pools, family);
    if (free !== undefined) occupy(desk, request, free);
    else if (pools.length > 0 || !request.optionalFamilies.includes(family))
      problems.push(exhausted(pools, family));
    return free === undefined ? [] : [free];
  });
}

/** Begins at an address that the name, or the key under which it is shared, chooses. */
function freeAddress(
  desk: Desk,
  request: PoolRequest,
  pools: readonly AddressPool[],
  family: Family,
): Address | undefined {
  const seed = hashName(request.sharingKey === null ? request.owner : `shared ${request.sharingKey}`);
  const ranges = pools.flatMap((pool) => pool.ranges).filter(isOf(family));
  for (const range of ranges) {
    const size = rangeSize(range);
    const start = BigInt(seed) % size;
    // Of more addresses than are occupied one is free: a wide range is never walked to its end.
    for (let step = 0n; step < size; step++) {
      const address = addressInRange(range, (start + step) % size);
      if (rivalAt(desk, request, address) === undefined) return address;
    }
  }
  return undefined;
}

function isOf(family: Family): (range: AddressRange) => boolean {
  return ({ first }) => familyOf(first) === family;
}

function poolsFor({ pools }: Desk, request: PoolRequest, isAskedFor: boolean): readonly AddressPool[] {
  return pools.filter((pool) => pool.class === request.class && (pool.autoAssign || isAskedFor));
}

function wantedOf({ wanted }: PoolRequest, family: Family): Address | undefined {
  return wanted.find((address) => familyOf(address) === family);
}

function foreignFamily({ families, wantedField: field }: PoolRequest, address: Address): ProblemText {
  return {
    severity: 'error',
    field,
    reason: 'LoadBalancerAddressRefused',
    message: `${address} is of a family that the Service does not have (${families.join(', ')})`,
    remedy: 'ask for an address of its families, or change spec.ipFamilies and spec.ipFamilyPolicy',
  };
}

function outsidePools(desk: Desk, request: PoolRequest, address: Address): ProblemText {
  const names = poolsFor(desk, request, true).map(({ name }) => name);
  return {
    severity: 'error',
    field: request.wantedField,
    reason: 'LoadBalancerAddressRefused',
    message: `${address} is in no pool that the Service may use (${names.join(', ')})`,
    remedy: 'ask for an address of a pool, leave it out to be given one, or add it to --load-balancer-pools',
  };
}

function taken({ wantedField: field }: PoolRequest, address: Address, rival: PoolRequest): ProblemText {
  return {
    severity: 'error',
    field,
    reason: 'LoadBalancerAddressTaken',
    message: `${address} is the load-balancer address of Service ${rival.owner} already`,
    remedy:
      'ask for another, or share it: the same weir.dev/allow-shared-ip on both, no port in common, and both of external traffic policy Cluster or of one selector',
  };
}

function exhausted(pools: readonly AddressPool[], family: Family): ProblemText {
  const names = pools.map(({ name }) => name);
  const none = `no pool gives ${family} addresses to Services that ask for none`;
  return {
    severity: 'error',
    field: 'status.loadBalancer.ingress',
    reason: 'LoadBalancerAddressesExhausted',
    message:
      names.length === 0
        ? none
        : `no ${family} address is free in ${names.length === 1 ? 'pool' : 'pools'} ${names.join(', ')}`,
    remedy:
      'remove unused load balancers, share addresses by weir.dev/allow-shared-ip, or widen --load-balancer-pools',
  };
}
