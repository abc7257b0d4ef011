import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NodeName, type ObjectName, objectName } from '../../src/model/names.ts';
import type { ObjectChange, WeirObject } from '../../src/model/objects.ts';
import { createWorld, type World } from '../../src/world/world.ts';
import {
  clusterNetworkPolicyObject,
  namespaceObject,
  networkPolicyObject,
  nodeObject,
  podObject,
  serviceCidrObject,
  serviceObject,
  sliceObject,
} from '../objects.ts';

const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });
const gone = ({ kind, namespace, name }: WeirObject): ObjectChange => ({
  type: 'delete',
  kind,
  namespace,
  name,
});
const web = objectName('shop', 'web');

/** All that a view shows, as plain data. */
function contents({ view }: World): unknown {
  const services = ['a', 'b', 'web'].map((name) => objectName('shop', name));
  const sorted = <Value>(map: ReadonlyMap<string, Value>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    namespaces: sorted(view.namespaces),
    nodes: sorted(view.nodes),
    pods: sorted(view.pods),
    services: sorted(view.services),
    serviceCidrs: sorted(view.serviceCidrs),
    policies: sorted(view.policies),
    slices: services.map((service) => view.slicesOf(service)),
    onNodes: ['n1', 'n2'].map((node) => [...view.podsOnNode(node as NodeName)].map((pod) => pod.name).sort()),
  };
}

describe('createWorld', () => {
  it('shows every kind of object and says what came', () => {
    const world = createWorld();
    const touched = world.apply([
      set(namespaceObject({ name: 'shop' })),
      set(nodeObject({ name: 'n1' })),
      set(podObject({ namespace: 'shop', name: 'p', nodeName: 'n1' as NodeName })),
      set(serviceObject({ namespace: 'shop', name: 'web' })),
      set(serviceCidrObject({ name: 'more' })),
      set(networkPolicyObject({ namespace: 'shop', name: 'np' })),
      set(clusterNetworkPolicyObject({ name: 'cnp' })),
    ]);
    expect(touched).toEqual({
      namespaces: new Set(['shop']),
      nodes: new Set(['n1']),
      pods: new Set(['shop/p']),
      services: new Set(['shop/web']),
      serviceCidrs: new Set(['more']),
      policies: new Set(['NetworkPolicy/shop/np', 'ClusterNetworkPolicy//cnp']),
    });
    expect([...world.view.serviceCidrs.keys()]).toEqual(['more']);
    expect(world.view.services.get(web)?.name).toBe('web');
    expect([...world.view.podsOnNode('n1' as NodeName)].map((pod) => pod.name)).toEqual(['p']);
    expect([...world.view.podsOnNode('n2' as NodeName)]).toEqual([]);
  });

  it('orders the slices of a Service by name and touches the Service when one changes', () => {
    const world = createWorld();
    world.apply([
      set(sliceObject({ namespace: 'shop', name: 'web-b', service: web })),
      set(sliceObject({ namespace: 'shop', name: 'web-a', service: web })),
    ]);
    expect(world.view.slicesOf(web).map((slice) => slice.name)).toEqual(['web-a', 'web-b']);
    const touched = world.apply([gone(sliceObject({ namespace: 'shop', name: 'web-a', service: web }))]);
    expect([...touched.services]).toEqual([web]);
    expect(world.view.slicesOf(web).map((slice) => slice.name)).toEqual(['web-b']);
  });

  it('touches both Services when a slice moves from one to the other', () => {
    const world = createWorld();
    const [a, b] = [objectName('shop', 'a'), objectName('shop', 'b')];
    world.apply([set(sliceObject({ namespace: 'shop', name: 's', service: a }))]);
    const touched = world.apply([set(sliceObject({ namespace: 'shop', name: 's', service: b }))]);
    expect(touched.services).toEqual(new Set<ObjectName>([a, b]));
    expect(world.view.slicesOf(a)).toEqual([]);
  });

  it('moves a pod between nodes', () => {
    const world = createWorld();
    world.apply([set(podObject({ namespace: 'shop', name: 'p', nodeName: 'n1' as NodeName }))]);
    world.apply([set(podObject({ namespace: 'shop', name: 'p', nodeName: 'n2' as NodeName }))]);
    expect([...world.view.podsOnNode('n1' as NodeName)]).toEqual([]);
    expect([...world.view.podsOnNode('n2' as NodeName)]).toHaveLength(1);
  });

  it('is touched neither by an equal object nor by the deletion of an unknown one', () => {
    const world = createWorld();
    const objects = [
      namespaceObject({ name: 'shop' }),
      nodeObject({ name: 'n1' }),
      podObject({ namespace: 'shop', name: 'p', labels: { app: 'web' } }),
      serviceObject({ namespace: 'shop', name: 'web' }),
      sliceObject({ namespace: 'shop', name: 'web-a', service: web }),
      serviceCidrObject({ name: 'more' }),
      networkPolicyObject({ namespace: 'shop', name: 'np' }),
      clusterNetworkPolicyObject({ name: 'cnp' }),
    ];
    world.apply(objects.map(set));
    const nothing = {
      namespaces: new Set(),
      nodes: new Set(),
      pods: new Set(),
      services: new Set(),
      serviceCidrs: new Set(),
      policies: new Set(),
    };
    expect(world.apply(structuredClone(objects).map(set))).toEqual(nothing);
    const strangers = objects.map((object) => gone({ ...object, name: `${object.name}-other` }));
    expect(world.apply(strangers)).toEqual(nothing);
  });

  it('ends in the same view whatever the order of events on different objects', () => {
    const objectArbitrary: fc.Arbitrary<WeirObject> = fc.oneof(
      fc.constantFrom('a', 'b', 'web').map((name) => serviceObject({ namespace: 'shop', name })),
      fc
        .record({ name: fc.constantFrom('p', 'q', 'r'), node: fc.constantFrom('n1', 'n2') })
        .map(({ name, node }) => podObject({ namespace: 'shop', name, nodeName: node as NodeName })),
      fc
        .record({ name: fc.constantFrom('s', 't', 'u'), service: fc.constantFrom('a', 'b', 'web') })
        .map(({ name, service }) =>
          sliceObject({ namespace: 'shop', name, service: objectName('shop', service) }),
        ),
      fc.constantFrom('n1', 'n2').map((name) => nodeObject({ name })),
    );
    const changeArbitrary = fc.tuple(objectArbitrary, fc.boolean());
    const property = fc.property(
      fc.array(changeArbitrary, { maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
      (walk, dice) => {
        const changes = walk.map(([object, kept]) => (kept ? set(object) : gone(object)));
        const inOrder = createWorld();
        inOrder.apply(changes);
        // Events of one object stay in order; those of different objects mix as the dice fall.
        const queues = new Map<string, ObjectChange[]>();
        walk.forEach(([object], index) => {
          const key = `${object.kind}/${object.name}`;
          const change = changes[index];
          if (change !== undefined) queues.set(key, [...(queues.get(key) ?? []), change]);
        });
        const mixed = createWorld();
        for (let left = changes.length; left > 0; left--) {
          const open = [...queues.values()].filter((queue) => queue.length > 0);
          const change = open[(dice.next().value ?? 0) % open.length]?.shift();
          if (change !== undefined) mixed.apply([change]);
        }
        expect(contents(mixed)).toEqual(contents(inOrder));
      },
    );
    fc.assert(property, { numRuns: 100 });
  });
});
