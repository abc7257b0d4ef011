import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AddressPool } from '../../src/cluster/address-pool.ts';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectChange, WeirObject } from '../../src/model/objects.ts';
import { serviceObject } from '../objects.ts';
import { BALANCERS, follow, ordered, SCARCE_POOLS } from './clusters.ts';

const WANT = 'want';
const range = (first: string, last: string) => ({ first: first as Address, last: last as Address });

/** Of so many addresses that some or none are short of one; the last pool is there to be short of. */
const anyPools = fc.constantFrom(1, 2, 3, 14).map((size): readonly AddressPool[] => [
  ...SCARCE_POOLS.map((pool) => ({
    ...pool,
    ranges: [range('192.0.2.1', `192.0.2.${size}`), range('2001:db8::1', `2001:db8::${size.toString(16)}`)],
  })),
  { name: WANT, class: WANT, ranges: [range('198.51.100.1', '198.51.100.1')], autoAssign: false },
]);

/** Asks for an address that no other may have, or for one that no pool has. */
function apart(isInWant: boolean): ObjectChange {
  const loadBalancerIp = (isInWant ? '198.51.100.9' : '198.51.100.1') as Address;
  const service = { namespace: WANT, name: WANT, type: 'LoadBalancer', loadBalancerClass: WANT } as const;
  return { type: 'set', object: serviceObject({ ...service, loadBalancerIp }) };
}

const anyChange = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom(null, ...BALANCERS))
  .map(([name, balancer]): ObjectChange => {
    const service = serviceObject({ name, type: 'LoadBalancer', ...balancer });
    if (balancer === null) return { type: 'delete', kind: 'Service', namespace: service.namespace, name };
    return { type: 'set', object: service };
  });
const anyChanges = fc.array(fc.array(anyChange, { minLength: 1, maxLength: 3 }), { maxLength: 8 });

function follower(loadBalancerPools: readonly AddressPool[]) {
  const plane = keepLastGood(createControlPlane({ ...DEFAULT_CLUSTER_OPTIONS, loadBalancerPools }));
  const completed = new Map<string, WeirObject>();
  return (changes: readonly ObjectChange[]) => {
    const step = plane.apply(changes);
    follow(completed, step.changes);
    const isOther = ({ namespace }: WeirObject): boolean => namespace !== WANT;
    return {
      objects: ordered(completed.values()).filter(isOther),
      problems: step.problems.filter(({ object }) => object.namespace !== WANT),
    };
  };
}

describe('load balancers that changed', () => {
  // One that is in want has all of them looked at in every batch.
  it('[E24] get the addresses that they get where all load balancers are looked at', () => {
    const property = fc.property(anyPools, anyChanges, (pools, walk) => {
      const [some, all] = [follower(pools), follower(pools)];
      expect(some([apart(false)])).toEqual(all([apart(true)]));
      for (const batch of walk) expect(some(batch)).toEqual(all(batch));
    });
    fc.assert(property, { numRuns: 300 });
  });
});
