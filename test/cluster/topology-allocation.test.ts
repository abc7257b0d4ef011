import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocateZones, zoneShares } from '../../src/cluster/topology-allocation.ts';
import type { NodeObject } from '../../src/model/objects.ts';
import { nodeObject } from '../objects.ts';

const nodeIn = (zone: string, part: Partial<NodeObject> = {}) => {
  const { labels, ...rest } = part;
  const name = `${zone}-${JSON.stringify(part)}`;
  return nodeObject({ name, labels: { 'topology.kubernetes.io/zone': zone, ...labels }, ...rest });
};
/** Endpoints as `aab`: a letter for each zone; upper case: not ready; `-`: no zone. */
const endpointsOf = (text: string) =>
  [...text].map((letter) => ({
    ready: letter === letter.toLowerCase(),
    zone: letter === '-' ? null : letter.toLowerCase(),
  }));
/** The zones given, as letters; `.` for none. Or why there are none. */
function allocated(endpoints: string, ...nodes: readonly NodeObject[]): string {
  const result = allocateZones(endpointsOf(endpoints), zoneShares(nodes));
  return 'reason' in result ? result.reason : result.zones.map((zone) => zone ?? '.').join('');
}

const [A, B, C] = [nodeIn('a'), nodeIn('b'), nodeIn('c')];

describe('shares of zones', () => {
  it('[A53] follow the CPU of nodes that are ready and no control plane', () => {
    const shares = zoneShares([
      nodeIn('a', { cpuMillis: 2000 }),
      nodeIn('b', { cpuMillis: 5000 }),
      nodeIn('b', { cpuMillis: 1000 }),
      nodeIn('c', { cpuMillis: 9000, notReady: true }),
      nodeIn('d', { labels: { 'node-role.kubernetes.io/control-plane': '' } }),
    ]);
    expect(shares).toEqual({
      shares: new Map([
        ['a', 0.25],
        ['b', 0.75],
      ]),
    });
  });

  it('[A53] are equal for nodes that all tell no CPU, and unknown where some tell it', () => {
    expect(zoneShares([A, B, nodeIn('b', { cpuMillis: 1 })])).toEqual({
      reason: 'some node has no zone or no allocatable CPU',
    });
    expect(zoneShares([A, nodeObject({ name: 'nowhere' })])).toHaveProperty('reason');
    expect(zoneShares([A, nodeIn('a', { labels: { x: 'y' } })])).toEqual({
      reason: 'the nodes that count are not in two zones or more',
    });
    expect(zoneShares([])).toHaveProperty('reason');
    const three = zoneShares([A, B, nodeIn('b', { labels: { x: 'y' } })]);
    expect('shares' in three && three.shares.get('b')).toBeCloseTo(2 / 3);
  });
});

describe('zones of endpoints', () => {
  it('[A52] are their own where each zone has its share', () => {
    expect(allocated('ab', A, B)).toBe('ab');
    expect(allocated('abab', A, B)).toBe('abab');
    expect(allocated('AabbaB', A, B)).toBe('.abba.');
  });

  it('[A53] are given from a zone with too many endpoints to one with too few', () => {
    expect(allocated('aaaabb', A, B)).toBe('baaabb');
    expect(allocated('aaaa', A, B)).toBe('bbaa');
    const big = nodeIn('a', { cpuMillis: 3000 });
    expect(allocated('aabb', big, nodeIn('b', { cpuMillis: 1000 }))).toBe('aaab');
  });

  it('[A53] stay as they are where less than a whole endpoint is amiss', () => {
    expect(allocated('aaabbbb', A, B)).toBe('aaabbbb');
  });

  it('[A52] [A53] are none where a zone would be overloaded, with the reason', () => {
    expect(allocated('a', A, B)).toBe('there are too few endpoints (1 ready endpoints, 2 zones)');
    // Each of two equal zones needs 1.5 of 3 endpoints: with 1 it would bear half more than its share.
    expect(allocated('aab', A, B)).toBe(
      "some zone's endpoints would be overloaded (3 ready endpoints, 2 zones)",
    );
    expect(allocated('aabb-', A, B, C)).toContain('overloaded');
    expect(allocated('aabbcc-aabbcc', A, B)).toBe('some endpoint is on a node without a zone');
  });

  it('[A52] [A53] are as many for each zone as a model of the controller counts, and moved no more than needed', () => {
    const letters = fc.array(
      fc.oneof({ weight: 100, arbitrary: fc.constantFrom(...'abcabcabcABx') }, fc.constant('-')),
      { maxLength: 40, size: 'max' },
    );
    const cpu = fc.constantFrom(1000, 2000, 3000, 5000, 8000);
    const node = fc.record({ zone: fc.constantFrom(...'abcd'), cpuMillis: cpu, notReady: fc.boolean() });
    let hinted = 0;
    const property = fc.property(letters, fc.array(node, { maxLength: 6 }), (text, list) => {
      const nodes = list.map(({ zone, cpuMillis, notReady }, index) =>
        nodeObject({
          name: `n${index}`,
          labels: { 'topology.kubernetes.io/zone': zone },
          cpuMillis,
          ...(notReady ? { notReady: true as const } : {}),
        }),
      );
      const endpoints = endpointsOf(text.join(''));
      const result = allocateZones(endpoints, zoneShares(nodes));
      const expected = modelCounts(endpoints, nodes);
      if (expected === null || 'reason' in result) {
        expect([expected === null, 'reason' in result]).toEqual([true, true]);
        return;
      }
      hinted += 1;
      expect(result.zones.map((zone) => zone !== null)).toEqual(endpoints.map(({ ready }) => ready));
      expect(countsOf(result.zones)).toEqual(expected);
      const moved = result.zones.filter((zone, index) => zone !== null && zone !== endpoints[index]?.zone);
      const home = countsOf(endpoints.map(({ ready, zone }) => (ready ? zone : null)));
      const gained = Object.entries(expected).map(([zone, count]) => Math.max(0, count - (home[zone] ?? 0)));
      expect(moved).toHaveLength(gained.reduce((sum, count) => sum + count, 0));
    });
    fc.assert(property, { numRuns: 1000 });
    expect(hinted).toBeGreaterThan(100);
  });
});

type Endpoint = ReturnType<typeof endpointsOf>[number];

function countsOf(zones: readonly (string | null)[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const zone of zones) if (zone !== null) counts[zone] = (counts[zone] ?? 0) + 1;
  return counts;
}

/** What the documentation of topology mode Auto says, one endpoint at a time; null: no hints. */
function modelCounts(
  endpoints: readonly Endpoint[],
  nodes: readonly NodeObject[],
): Readonly<Record<string, number>> | null {
  const counted = nodes.filter(({ notReady }) => notReady !== true);
  const cpuOf = ({ cpuMillis }: NodeObject) => cpuMillis ?? 0;
  const zoneOf = ({ labels }: NodeObject) => labels['topology.kubernetes.io/zone'] ?? '';
  const zones = [...new Set(counted.map(zoneOf))].sort();
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  if (zones.length < 2 || ready.length < zones.length) return null;
  const total = counted.reduce((sum, node) => sum + cpuOf(node), 0);
  const wanted = new Map(
    zones.map((zone) => {
      const cpu = counted.filter((node) => zoneOf(node) === zone).reduce((sum, node) => sum + cpuOf(node), 0);
      return [zone, (cpu / total) * ready.length] as const;
    }),
  );
  const least = new Map([...wanted].map(([zone, count]) => [zone, Math.ceil(count * (1 / 1.2))]));
  if ([...least.values()].reduce((sum, count) => sum + count, 0) > ready.length) return null;
  if (ready.some(({ zone }) => zone === null)) return null;
  const counts: Record<string, number> = { ...countsOf(ready.map(({ zone }) => zone)) };
  const target = (zone: string) => Math.max(wanted.get(zone) ?? 0, least.get(zone) ?? 0);
  const excess = (zone: string) => (counts[zone] ?? 0) - target(zone);
  for (;;) {
    const [from] = [...zones].sort((a, b) => excess(b) - excess(a) || (a < b ? -1 : 1));
    const [to] = [...zones].sort((a, b) => excess(a) - excess(b) || (a < b ? -1 : 1));
    if (from === undefined || to === undefined) break;
    const [give, take] = [excess(from), -excess(to)];
    if (give < 0.5 || take < 0.5 || (give < 1 && take < 1)) break;
    counts[from] = (counts[from] ?? 0) - 1;
    counts[to] = (counts[to] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
