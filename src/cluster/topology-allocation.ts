/**
 * Topology mode Auto: which zone each endpoint serves, so that each zone has a share of the endpoints like its share
 * of CPU. As the endpoint slice controller decides, but for what it keeps from before: the same endpoints and nodes
 * always give the same hints.
 */
import type { NodeObject } from '../model/objects.ts';
import { ZONE_LABEL } from './labels.ts';

/** Of the endpoints that its share asks for, a zone needs this part at least: with less, each bears 20 % more than its own. */
const LEAST_PART = 1 / 1.2;
const EXCLUDED_LABELS = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Shares of CPU by zone, adding up to 1, ordered by zone; or why there are none. */
export type ZoneShares = { readonly shares: ReadonlyMap<string, number> } | { readonly reason: string };

/** The zone for each endpoint, null for one that gets none; or why there are no hints at all. */
export type ZoneAllocation = { readonly zones: readonly (string | null)[] } | { readonly reason: string };

/** Where nodes tell no CPU at all, each counts the same. Control-plane nodes and those not ready do not count. */
export function zoneShares(nodes: Iterable<NodeObject>): ZoneShares {
  const counted = [...nodes].filter(
    ({ labels, notReady }) => notReady !== true && !EXCLUDED_LABELS.some((label) => label in labels),
  );
  const tellsCpu = counted.some(({ cpuMillis }) => cpuMillis !== undefined);
  const sums = new Map<string, number>();
  for (const { labels, cpuMillis } of counted) {
    const zone = labels[ZONE_LABEL] ?? '';
    const cpu = tellsCpu ? (cpuMillis ?? 0) : 1;
    if (zone === '' || cpu === 0) return { reason: 'some node has no zone or no allocatable CPU' };
    sums.set(zone, (sums.get(zone) ?? 0) + cpu);
  }
  if (sums.size < 2) return { reason: 'the nodes that count are not in two zones or more' };
  const total = [...sums.values()].reduce((sum, cpu) => sum + cpu, 0);
  return { shares: new Map([...sums].sort().map(([zone, cpu]) => [zone, cpu / total])) };
}

/**
 * @param endpoints of one family, in an order that stays
 */
export function allocateZones(
  endpoints: readonly { readonly ready: boolean; readonly zone: string | null }[],
  zones: ZoneShares,
): ZoneAllocation {
  if ('reason' in zones) return zones;
  const { shares } = zones;
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const numbers = `${ready.length} ready endpoints, ${shares.size} zones`;
  if (ready.length < shares.size) return { reason: `there are too few endpoints (${numbers})` };
  const wanted = new Map<string, number>();
  let least = 0;
  for (const [zone, share] of shares) {
    const desired = share * ready.length;
    const minimum = Math.ceil(desired * LEAST_PART);
    wanted.set(zone, Math.max(desired, minimum));
    least += minimum;
  }
  if (least > ready.length) return { reason: `some zone's endpoints would be overloaded (${numbers})` };
  if (ready.some(({ zone }) => zone === null || zone === ''))
    return { reason: 'some endpoint is on a node without a zone' };
  return { zones: redistributed(endpoints, wanted) };
}

/** Each ready endpoint serves its own zone, but for those that a zone with too many gives to one with too few. */
function redistributed(
  endpoints: readonly { readonly ready: boolean; readonly zone: string | null }[],
  wanted: ReadonlyMap<string, number>,
): readonly (string | null)[] {
  const { giving, receiving } = transfers(endpoints, wanted);
  return endpoints.map(({ ready, zone }) => {
    if (!ready || zone === null) return null;
    const left = giving.get(zone) ?? 0;
    const receiver = left === 0 ? undefined : [...receiving].find(([, count]) => count > 0)?.[0];
    if (receiver === undefined) return zone;
    giving.set(zone, left - 1);
    receiving.set(receiver, (receiving.get(receiver) ?? 0) - 1);
    return receiver;
  });
}

/** How many endpoints each zone gives and receives: whole ones, and none for the sake of half an endpoint. */
function transfers(
  endpoints: readonly { readonly ready: boolean; readonly zone: string | null }[],
  wanted: ReadonlyMap<string, number>,
): { readonly giving: Map<string, number>; readonly receiving: Map<string, number> } {
  const surplus = new Map<string, number>();
  const shortage = new Map<string, number>();
  for (const [zone, desired] of wanted) {
    const own = endpoints.filter((endpoint) => endpoint.ready && endpoint.zone === zone).length;
    if (own > desired) surplus.set(zone, own - desired);
    if (own < desired) shortage.set(zone, desired - own);
  }
  const [giving, receiving] = [new Map<string, number>(), new Map<string, number>()];
  for (;;) {
    const [from, to] = [largest(surplus), largest(shortage)];
    if (from === undefined || to === undefined) break;
    const [give, take] = [surplus.get(from) ?? 0, shortage.get(to) ?? 0];
    if (give < 0.5 || take < 0.5 || (give < 1 && take < 1)) break;
    giving.set(from, (giving.get(from) ?? 0) + 1);
    receiving.set(to, (receiving.get(to) ?? 0) + 1);
    surplus.set(from, give - 1);
    shortage.set(to, take - 1);
  }
  return { giving, receiving };
}

/** The zone with the largest number above 0; the first by name among equals. */
function largest(numbers: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  for (const [zone, number] of numbers) if (number > (numbers.get(best ?? '') ?? 0)) best = zone;
  return best;
}
