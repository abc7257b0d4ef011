import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { type ControlPlaneMemory, keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { ObjectChange, ServiceObject, WeirObject } from '../../src/model/objects.ts';
import { anyWalk, follow, ordered, SCARCE_POOLS, unordered } from './clusters.ts';

const OPTIONS = { ...DEFAULT_CLUSTER_OPTIONS, loadBalancerPools: SCARCE_POOLS };
const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });

function started(memory?: ControlPlaneMemory) {
  return keepLastGood(createControlPlane(OPTIONS, memory?.allocations), memory?.given);
}

function withoutSlices({ allocations, given }: ControlPlaneMemory) {
  return unordered({ allocations: { ...allocations, slices: new Map() }, given });
}

describe('a control plane that lasts', () => {
  it('[A65] goes on after a restart at any step with the same objects in effect', () => {
    const property = fc.property(anyWalk, (walk) => {
      const plane = started();
      const input = new Map<string, WeirObject>();
      const completed = new Map<string, WeirObject>();
      for (const batch of walk) {
        follow(input, batch);
        follow(completed, plane.apply(batch).changes);
        // Every batch tries again what was refused: why may be another reason now, but nothing moves.
        const settled = plane.apply([]);
        expect(follow(new Map(completed), settled.changes)).toEqual(completed);
        const successor = started(plane.memory());
        const again = successor.apply([...input.values()].map(set));
        expect(ordered(follow(new Map(), again.changes).values())).toEqual(ordered(completed.values()));
        expect(again.problems).toEqual(settled.problems);
        expect(unordered(successor.memory())).toEqual(unordered(plane.memory()));
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('[A65] takes edits that were made while it was down as if it had seen them', () => {
    const property = fc.property(anyWalk, (walk) => {
      const plane = started();
      const input = new Map<string, WeirObject>();
      const completed = new Map<string, WeirObject>();
      for (const whole of walk) {
        const isRemembered = (change: ObjectChange): boolean =>
          ['Service', 'ServiceCIDR'].includes((change.type === 'set' ? change.object : change).kind);
        const others = whole.filter((change) => !isRemembered(change));
        const batch = whole.filter(isRemembered);
        follow(completed, plane.apply(others).changes);
        follow(input, others);
        const memory = plane.memory();
        follow(completed, plane.apply(batch).changes);
        follow(input, batch);
        const again = started(memory).apply([...input.values()].map(set));
        expect(ordered(follow(new Map(), again.changes).values())).toEqual(ordered(completed.values()));
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('[A65] takes no cluster IP, node port or pool address from a Service that another batch did not touch', () => {
    const property = fc.property(anyWalk, (walk) => {
      const plane = started();
      const completed = new Map<string, WeirObject>();
      let pending: readonly string[] = [];
      for (const whole of walk) {
        // What a status in a manifest names is a fact, to which what was chosen gives way.
        const batch = whole.filter((change) => !namesIngress(change));
        const before = new Map(completed);
        const { changes, problems } = plane.apply(batch);
        follow(completed, changes);
        const touched = new Set(
          batch.map((change) => nameOf(change.type === 'set' ? change.object : change)),
        );
        const networks = batch.some(
          (change) => (change.type === 'set' ? change.object : change).kind === 'ServiceCIDR',
        );
        for (const [key, object] of before) {
          const now = completed.get(key);
          if (object.kind !== 'Service' || networks) continue;
          // What was refused may become possible.
          if (touched.has(nameOf(object)) || pending.includes(nameOf(object))) continue;
          expect(now?.kind === 'Service' ? valuesOf(now) : null).toEqual(valuesOf(object));
        }
        pending = problems.map(({ object }) => nameOf(object));
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('tells by its revision whenever there is something new to remember', () => {
    const property = fc.property(anyWalk, (walk) => {
      const plane = started();
      for (const batch of walk) {
        const [revision, before] = [plane.revision(), withoutSlices(plane.memory())];
        plane.apply(batch);
        if (plane.revision() === revision) expect(withoutSlices(plane.memory())).toEqual(before);
      }
    });
    fc.assert(property, { numRuns: 200 });
  });
});

function namesIngress(change: ObjectChange): boolean {
  return (
    change.type === 'set' && change.object.kind === 'Service' && change.object.loadBalancerIngress.length > 0
  );
}

function nameOf({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}) {
  return `${kind} ${namespace}/${name}`;
}

function valuesOf({ clusterIps, ports, healthCheckNodePort, loadBalancerIngress }: ServiceObject): unknown {
  return [clusterIps, ports.map(({ nodePort }) => nodePort), healthCheckNodePort, loadBalancerIngress];
}
