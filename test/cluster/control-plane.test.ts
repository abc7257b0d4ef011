import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeObjects } from '../../src/cluster/complete.ts';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { ObjectChange, WeirObject } from '../../src/model/objects.ts';
import { anyCluster, anyObject, anyWalk, follow, keyOf, ordered, SCARCE_POOLS } from './clusters.ts';

const OPTIONS = { ...DEFAULT_CLUSTER_OPTIONS, loadBalancerPools: SCARCE_POOLS };
const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });

describe('createControlPlane', () => {
  it('ends, step by step, where the same objects and choices end at once', () => {
    const property = fc.property(anyWalk, (walk) => {
      const plane = createControlPlane(OPTIONS);
      const input = new Map<string, WeirObject>();
      const completed = new Map<string, WeirObject>();
      for (const batch of walk) {
        follow(input, batch);
        const step = plane.apply(batch);
        follow(completed, step.changes);
        const scratch = createControlPlane(OPTIONS, plane.history());
        const whole = scratch.apply([...input.values()].map(set));
        expect(ordered(completed.values())).toEqual(ordered(follow(new Map(), whole.changes).values()));
        expect(step.problems).toEqual(whole.problems);
        expect(scratch.history()).toEqual(plane.history());
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('tells no change that changes nothing', () => {
    const property = fc.property(anyCluster, (objects) => {
      const plane = createControlPlane(OPTIONS);
      plane.apply(objects.map(set));
      expect(plane.apply(structuredClone(objects).map(set)).changes).toEqual([]);
    });
    fc.assert(property, { numRuns: 100 });
  });
});

describe('completeObjects', () => {
  it('does not depend on the order of the objects', () => {
    const property = fc.property(anyCluster, fc.nat(), (objects, seed) => {
      const turned = [
        ...objects.slice(seed % (objects.length + 1)),
        ...objects.slice(0, seed % (objects.length + 1)),
      ];
      const [a, b] = [objects, turned.reverse()].map((list) => completeObjects(list, OPTIONS));
      expect(b).toEqual(a);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('changes nothing the second time', () => {
    const property = fc.property(anyCluster, (objects) => {
      const once = completeObjects(objects, OPTIONS);
      const twice = completeObjects(once.objects, OPTIONS);
      expect(twice.objects).toEqual(once.objects);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('moves nothing that was chosen when an object without explicit values is added', () => {
    const property = fc.property(anyCluster, anyObject, (objects, extra) => {
      const before = objects.filter((object) => object.kind !== 'Node' || keyOf(object) !== keyOf(extra));
      const plane = createControlPlane(OPTIONS);
      const first = follow(new Map(), plane.apply(before.map(set)).changes);
      const plain = withoutExplicitValues(extra);
      if (plain === undefined || first.has(keyOf(plain))) return;
      const second = follow(new Map(first), plane.apply([set(plain)]).changes);
      for (const [key, object] of first) {
        const now = second.get(key);
        if (object.kind === 'Pod' && now?.kind === 'Pod' && object.nodeName !== null) {
          expect([now.nodeName, now.addresses]).toEqual([object.nodeName, object.addresses]);
        }
        if (object.kind === 'Service' && now?.kind === 'Service') {
          expect([now.clusterIps, now.ports]).toEqual([object.clusterIps, object.ports]);
        }
        if (object.kind === 'Node') expect(now).toEqual(object);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});

function withoutExplicitValues(object: WeirObject): WeirObject | undefined {
  switch (object.kind) {
    case 'Node':
      return { ...object, addresses: [], podCidrs: [] };
    case 'Pod':
      return { ...object, addresses: [] };
    case 'Service':
      return {
        ...object,
        clusterIps: object.clusterIps === 'headless' ? 'headless' : [],
        ports: object.ports.map((port) => ({ ...port, nodePort: null })),
      };
    default:
      return undefined;
  }
}
