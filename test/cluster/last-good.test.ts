import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { Address } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import type { ObjectChange, ServiceObject, WeirObject } from '../../src/model/objects.ts';
import { createWorld } from '../../src/world/world.ts';
import { nodeObject, serviceObject, servicePort } from '../objects.ts';

const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });

function cluster() {
  const plane = keepLastGood(createControlPlane(DEFAULT_CLUSTER_OPTIONS));
  const world = createWorld();
  const apply = (...changes: ObjectChange[]) => {
    const result = plane.apply(changes);
    world.apply(result.changes);
    return result.problems.filter(({ severity }) => severity === 'error');
  };
  const find = (name: string) => [...world.view.services.values()].find((service) => service.name === name);
  return { apply, find, nodePort: (name: string) => find(name)?.ports[0]?.nodePort };
}

function service(name: string, nodePort: number, createdAtMs = 1): ServiceObject {
  const ports = [servicePort({ nodePort: nodePort as Port })];
  return serviceObject({ name, namespace: 'shop', createdAtMs, type: 'NodePort', ports });
}

describe('last good state', () => {
  it('[A65] stays when an edit asks for what another object has, and the problem says so', () => {
    const { apply, nodePort } = cluster();
    expect(
      apply(set(nodeObject({ name: 'one' })), set(service('a', 30007)), set(service('b', 30008, 2))),
    ).toEqual([]);
    const problems = apply(set(service('b', 30007, 2)));
    expect(problems.map(({ object, message }) => [object.name, message])).toEqual([
      ['b', expect.stringContaining('stays as it was')],
    ]);
    expect([nodePort('a'), nodePort('b')]).toEqual([30007, 30008]);
  });

  it('gives way as soon as the edit becomes possible', () => {
    const { apply, nodePort } = cluster();
    apply(set(nodeObject({ name: 'one' })), set(service('a', 30007)), set(service('b', 30008, 2)));
    apply(set(service('b', 30007, 2)));
    expect(apply({ type: 'delete', kind: 'Service', namespace: 'shop', name: 'a' })).toEqual([]);
    expect([nodePort('a'), nodePort('b')]).toEqual([undefined, 30007]);
  });

  it('goes with the object, and is forgotten when the edit is taken back', () => {
    const { apply, nodePort } = cluster();
    apply(set(nodeObject({ name: 'one' })), set(service('a', 30007)), set(service('b', 30008, 2)));
    apply(set(service('b', 30007, 2)));
    expect(apply(set(service('b', 30009, 2)))).toEqual([]);
    expect(nodePort('b')).toBe(30009);
    apply(set(service('b', 30007, 2)));
    expect(apply({ type: 'delete', kind: 'Service', namespace: 'shop', name: 'b' })).toEqual([]);
    expect(nodePort('b')).toBeUndefined();
  });

  it.each([
    ['before', true],
    ['after', false],
  ])(
    '[A65] gives an edit nothing of what its object was refused, with the holder gone %s it',
    (_, isFirst) => {
      const { apply, find } = cluster();
      const ports = [servicePort({})];
      const shop = { namespace: 'shop', selector: null, ports };
      const asking = { clusterIps: ['10.96.0.7' as Address], ipFamilies: ['IPv4' as const] };
      expect(apply(set(serviceObject({ ...shop, name: 'b', ...asking })))).toEqual([]);
      expect(apply(set(serviceObject({ ...shop, name: 'a', ...asking })))).toHaveLength(1);
      const edit = set(serviceObject({ ...shop, name: 'a' }));
      const gone: ObjectChange = { type: 'delete', kind: 'Service', namespace: 'shop', name: 'b' };
      expect(apply(...(isFirst ? [gone, edit] : [edit, gone]))).toEqual([]);
      expect(find('a')?.clusterIps).not.toContain('10.96.0.7');
      expect(find('a')?.clusterIps).toHaveLength(1);
    },
  );

  it('does not exist for an object that never was good', () => {
    const { apply, nodePort } = cluster();
    const problems = apply(
      set(nodeObject({ name: 'one' })),
      set(service('a', 30007)),
      set(service('b', 30007, 2)),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).not.toContain('stays as it was');
    expect(nodePort('b')).toBeUndefined();
  });

  it('[A65] [A22] an elder’s edit does not take what a younger one has, whether that was given or chosen', () => {
    const { apply, find, nodePort } = cluster();
    const chosen = serviceObject({ name: 'c', namespace: 'shop', createdAtMs: 3 });
    apply(set(service('a', 30007)), set(service('b', 30008, 2)), set(chosen));
    expect(apply(set(service('a', 30008)))).toMatchObject([
      { reason: 'DuplicateNodePort', message: expect.stringContaining('Service shop/b already') },
    ]);
    expect([nodePort('a'), nodePort('b')]).toEqual([30007, 30008]);
    apply(set(service('a', 30007)));
    const [address] = find('c')?.clusterIps ?? [];
    const claim = serviceObject({
      name: 'd',
      namespace: 'shop',
      createdAtMs: 1,
      clusterIps: [address as Address],
      ipFamilies: ['IPv4'],
    });
    expect(apply(set(claim))).toMatchObject([
      { reason: 'DuplicateClusterIP', message: expect.stringContaining('Service shop/c already') },
    ]);
    expect([find('c')?.clusterIps, find('d')]).toEqual([[address], undefined]);
  });
});
