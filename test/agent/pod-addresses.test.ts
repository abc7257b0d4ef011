import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPodAddresses } from '../../src/agent/pod-addresses.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { PodObject } from '../../src/model/objects.ts';
import { podObject } from '../objects.ts';

const NAMES = ['n/a', 'n/b', 'n/c', 'n/d'] as ObjectName[];

/** Addresses are a pod's own, as long as it has them: one of each family. */
const anyPod = (name: ObjectName): fc.Arbitrary<PodObject | null> =>
  fc.option(
    fc
      .record({
        number: fc.integer({ min: 0, max: 2 }),
        ipv6: fc.boolean(),
        hostNetwork: fc.boolean(),
        phase: fc.constantFrom('Running' as const, 'Succeeded' as const),
      })
      .map(({ number, ipv6, ...rest }) => {
        const host = 10 * NAMES.indexOf(name) + number;
        const addresses = [`10.0.0.${host}`, ...(ipv6 ? [`fd00::${host}`] : [])] as Address[];
        return podObject({ namespace: 'n', name: name.slice(2), addresses, ...rest });
      }),
  );

const anyCluster = fc.record(Object.fromEntries(NAMES.map((name) => [name, anyPod(name)])));

describe('pods’ addresses', () => {
  it('[I16] are those of the pods as they are, whatever changed in which order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyCluster, fc.boolean()), { maxLength: 8 }), (steps) => {
        const pods = new Map<ObjectName, PodObject>();
        const known = createPodAddresses(pods);
        for (const [cluster, asks] of steps) {
          for (const name of NAMES) {
            const pod = cluster[name] ?? null;
            if (pod === null) pods.delete(name);
            else pods.set(name, pod);
          }
          known.touch(NAMES);
          if (!asks) continue;
          const living = [...pods].filter(([, pod]) => !pod.hostNetwork && pod.phase === 'Running');
          for (const [name, { addresses }] of living)
            for (const address of addresses) expect(known.podAt(address)).toBe(name);
          const all = new Set(living.flatMap(([, { addresses }]) => addresses));
          for (let host = 0; host < 40; host++)
            for (const address of [`10.0.0.${host}`, `fd00::${host}`] as Address[])
              if (!all.has(address)) expect(known.podAt(address)).toBeUndefined();
        }
      }),
    );
  });

  it('[C19] go to the pod that got them next, whichever was heard of first', () => {
    const pods = new Map<ObjectName, PodObject>();
    const known = createPodAddresses(pods);
    const address = '10.0.0.1' as Address;
    const [first, second] = ['n/a', 'n/b'] as [ObjectName, ObjectName];
    const set = (name: ObjectName, addresses: Address[]) => {
      pods.set(name, podObject({ namespace: 'n', name: name.slice(2), addresses }));
      known.touch([name]);
    };
    set(first, [address]);
    expect(known.podAt(address)).toBe(first);
    set(second, [address]);
    expect(known.podAt(address)).toBe(second);
    set(first, []);
    expect(known.podAt(address)).toBe(second);
  });
});
