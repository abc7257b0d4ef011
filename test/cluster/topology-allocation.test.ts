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

  it('[A53] give every zone at least its share less the threshold, and keep the rest at home', () => {
    const zones = fc.array(fc.constantFrom('a', 'b', 'c', 'A', 'B'), { maxLength: 30 });
    const cpu = fc.integer({ min: 1, max: 8 });
    const property = fc.property(zones, cpu, cpu, (letters, cpuA, cpuB) => {
      const nodes = [
        nodeIn('a', { cpuMillis: cpuA * 1000 }),
        nodeIn('b', { cpuMillis: cpuB * 1000 }),
        nodeIn('c', { cpuMillis: 1000 }),
      ];
      const text = letters.join('');
      const result = allocateZones(endpointsOf(text), zoneShares(nodes));
      if ('reason' in result) return;
      const ready = endpointsOf(text).filter((endpoint) => endpoint.ready).length;
      const total = cpuA + cpuB + 1;
      for (const [zone, share] of [
        ['a', cpuA / total],
        ['b', cpuB / total],
        ['c', 1 / total],
      ] as const) {
        const got = result.zones.filter((each) => each === zone).length;
        expect(got).toBeGreaterThan(share * ready - 1);
        expect(got).toBeGreaterThan(0);
      }
      expect(result.zones.map((zone) => zone !== null)).toEqual(endpointsOf(text).map((each) => each.ready));
    });
    fc.assert(property, { numRuns: 300 });
  });
});
