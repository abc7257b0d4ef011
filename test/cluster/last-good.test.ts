import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectChange, ServiceObject, WeirObject } from '../../src/model/objects.ts';
import { createWorld } from '../../src/world/world.ts';
import { nodeObject, serviceObject } from '../objects.ts';

const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });

function cluster() {
  const plane = keepLastGood(createControlPlane(DEFAULT_CLUSTER_OPTIONS));
  const world = createWorld();
  const apply = (...changes: ObjectChange[]) => {
    const result = plane.apply(changes);
    world.apply(result.changes);
    return result.problems.filter(({ severity }) => severity === 'error');
  };
  const clusterIp = (name: string) =>
    [...world.view.services.values()].find((service) => service.name === name)?.clusterIps[0];
  return { apply, clusterIp };
}

function service(name: string, address: string, createdAtMs = 1): ServiceObject {
  return serviceObject({
    name,
    namespace: 'shop',
    createdAtMs,
    clusterIps: [address as Address],
    ipFamilies: ['IPv4'],
  });
}

describe('last good state', () => {
  it('[A65] stays when an edit asks for what another object has, and the problem says so', () => {
    const { apply, clusterIp } = cluster();
    expect(
      apply(
        set(nodeObject({ name: 'one' })),
        set(service('a', '10.96.0.7')),
        set(service('b', '10.96.0.8', 2)),
      ),
    ).toEqual([]);
    const problems = apply(set(service('b', '10.96.0.7', 2)));
    expect(problems.map(({ object, message }) => [object.name, message])).toEqual([
      ['b', expect.stringContaining('stays as it was')],
    ]);
    expect([clusterIp('a'), clusterIp('b')]).toEqual(['10.96.0.7', '10.96.0.8']);
  });

  it('gives way as soon as the edit becomes possible', () => {
    const { apply, clusterIp } = cluster();
    apply(
      set(nodeObject({ name: 'one' })),
      set(service('a', '10.96.0.7')),
      set(service('b', '10.96.0.8', 2)),
    );
    apply(set(service('b', '10.96.0.7', 2)));
    expect(apply({ type: 'delete', kind: 'Service', namespace: 'shop', name: 'a' })).toEqual([]);
    expect([clusterIp('a'), clusterIp('b')]).toEqual([undefined, '10.96.0.7']);
  });

  it('goes with the object, and is forgotten when the edit is taken back', () => {
    const { apply, clusterIp } = cluster();
    apply(
      set(nodeObject({ name: 'one' })),
      set(service('a', '10.96.0.7')),
      set(service('b', '10.96.0.8', 2)),
    );
    apply(set(service('b', '10.96.0.7', 2)));
    expect(apply(set(service('b', '10.96.0.9', 2)))).toEqual([]);
    expect(clusterIp('b')).toBe('10.96.0.9');
    apply(set(service('b', '10.96.0.7', 2)));
    expect(apply({ type: 'delete', kind: 'Service', namespace: 'shop', name: 'b' })).toEqual([]);
    expect(clusterIp('b')).toBeUndefined();
  });

  it('does not exist for an object that never was good', () => {
    const { apply, clusterIp } = cluster();
    const problems = apply(
      set(nodeObject({ name: 'one' })),
      set(service('a', '10.96.0.7')),
      set(service('b', '10.96.0.7', 2)),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).not.toContain('stays as it was');
    expect(clusterIp('b')).toBeUndefined();
  });
});
